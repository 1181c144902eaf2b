import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ServerProvider, type ServerProviderOptions } from '../../src/providers/server/server-provider.ts'
import type { CommandRun, ServerPlan } from '../../src/providers/server/server-plan.ts'
import { DEFAULT_ENGINE_OPTIONS, type ModelDefinition } from '../../src/spec/model.ts'
import { LinuxProcessMeter } from '../../src/system/linux-process-meter.ts'
import { SystemClock } from '../../src/system/system-clock.ts'
import type { ProviderUnderTest } from '../../src/testing/contract-check.ts'
import { TemporaryFolder } from './system-ground.ts'

const FAKE = join(import.meta.dirname, '../../src/testing/fake-llama-server.ts')

/** A provider whose servers are fake llama-servers, processes of their own, and models for it. */
export interface ServerGround extends ProviderUnderTest, AsyncDisposable {
  readonly provider: ServerProvider
  readonly folder: string
  /** Pids that were told as begun and not as gone. */
  readonly alive: ReadonlySet<number>
}

export interface ServerGroundOptions {
  /** Weights of `model` and of `other`. Default: what the fake takes for some. */
  readonly weights?: readonly [Uint8Array, Uint8Array]
  /** Default: the fake llama-server. */
  readonly command?: (definition: ModelDefinition, modelPath: string) => readonly string[]
  /** Added to the command line of every server. */
  readonly args?: readonly string[]
  readonly run?: Partial<CommandRun>
  readonly plan?: Partial<ServerPlan>
  readonly provider?: Partial<ServerProviderOptions>
}

export async function serverGround(options: ServerGroundOptions = {}): Promise<ServerGround> {
  const files = await TemporaryFolder.make()
  const [a, b] = options.weights ?? [Buffer.from('GGUF a'), Buffer.from('GGUF b')]
  await Promise.all([writeFile(files.at('a.gguf'), a), writeFile(files.at('b.gguf'), b)])
  const alive = new Set<number>()
  const pids = new Map<string, number>()
  const clock = new SystemClock()
  const provider = new ServerProvider({
    clock,
    processMeter: new LinuxProcessMeter(),
    planOf: async (definition) => fakePlan(definition, files.at(definition.weights?.path ?? ''), options),
    healthDeadlineMs: 500,
    onSpawned: (pid) => void alive.add(pid),
    onExited: (pid) => void alive.delete(pid),
    ...options.provider,
  })
  const load = provider.load.bind(provider)
  // The contract ends engines from outside.
  provider.load = async (definition, signal) => {
    const result = await load(definition, signal)
    if (result.pid !== undefined) pids.set(definition.id, result.pid)
    return result
  }
  const pidOf = ({ id }: ModelDefinition): number => pids.get(id) ?? NaN
  return {
    provider,
    alive,
    folder: files.path,
    model: serverModel('a', 'a.gguf'),
    sibling: { ...serverModel('a', 'a.gguf'), id: 'server:a-again' },
    other: serverModel('b', 'b.gguf'),
    missing: serverModel('c', 'c.gguf'),
    crash: async (definition) => void process.kill(pidOf(definition), 'SIGKILL'),
    stall: async (definition) => void process.kill(pidOf(definition), 'SIGSTOP'),
    hasEngines: async () => alive.size > 0,
    async [Symbol.asyncDispose]() {
      await provider.dispose()
      await files[Symbol.asyncDispose]()
    },
  }
}

export function serverModel(name: string, file: string): ModelDefinition {
  return {
    id: `server:${name}`,
    platform: 'server',
    engineKey: `server:${name}`,
    engineName: name,
    weights: { path: file },
    contextTokens: 512,
    parallel: 1,
    engine: DEFAULT_ENGINE_OPTIONS,
    estimate: { weightsBytes: 1_000, contextBytes: 2_000, processBytes: 3_000, source: 'estimated' },
    pinned: false,
    maxPromptBytes: null,
    idleTimeoutMs: null,
    defaults: {},
    priority: 0,
  }
}

function fakePlan(definition: ModelDefinition, modelPath: string, options: ServerGroundOptions): ServerPlan {
  const { PATH } = process.env
  const command = (options.command ?? fakeCommand)(definition, modelPath)
  return {
    title: `server '${definition.engineName}'`,
    model: definition.engineName ?? definition.id,
    engine: 'auto',
    stuckAfterMs: 300,
    run: {
      kind: 'command',
      command: [...command, ...(options.args ?? [])],
      port: 0,
      environment: { PATH },
      healthPath: '/health',
      startDeadlineMs: 60_000,
      weightsPath: modelPath,
      ...options.run,
    },
    ...options.plan,
  }
}

function fakeCommand({ contextTokens, parallel }: ModelDefinition, modelPath: string): string[] {
  const slots = ['-c', String(contextTokens * parallel), '-np', String(parallel)]
  return [process.execPath, FAKE, '--port', '${port}', '-m', modelPath, ...slots]
}
