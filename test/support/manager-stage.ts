import { Manager } from '../../src/manager/manager.ts'
import type { ManagerOptions } from '../../src/manager/manager-options.ts'
import type { InferRequest } from '../../src/spec/admin.ts'
import { AnswerChannel } from '../../src/spec/answer-channel.ts'
import type { ChatMessage, GenerateChunk, GenerateRequest, TokenUsage } from '../../src/spec/chat.ts'
import { resourceError } from '../../src/spec/errors.ts'
import type { GrymEvent } from '../../src/spec/events.ts'
import type { MemoryReading } from '../../src/spec/memory.ts'
import { DEFAULT_ENGINE_OPTIONS, type ModelDefinition } from '../../src/spec/model.ts'
import type { LoadResult } from '../../src/spec/provider.ts'
import { DEFAULT_SETTINGS } from '../../src/spec/settings.ts'
import { ScriptedProvider } from '../../src/testing/scripted-provider.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { noDescription } from './no-description.ts'

const MB = 1_000_000

export function define(id: string): ModelDefinition {
  return {
    id,
    platform: 'local',
    engineKey: id,
    contextTokens: 1_000,
    parallel: 1,
    engine: DEFAULT_ENGINE_OPTIONS,
    estimate: { weightsBytes: 80 * MB, contextBytes: 15 * MB, processBytes: 5 * MB, source: 'estimated' },
    maxPromptBytes: null,
    pinned: false,
    idleTimeoutMs: null,
    priority: 0,
    defaults: {},
  }
}

/** A manager over an engine that the test conducts by hand. */
export class Stage {
  readonly clock: VirtualClock = new VirtualClock(1_000)
  readonly events: GrymEvent[] = []
  readonly faults: unknown[] = []
  readonly answers: AnswerChannel<GenerateChunk>[] = []
  readonly asked: GenerateRequest[] = []
  readonly learned: number[] = []
  loads = 0
  load: (definition: ModelDefinition) => Promise<void> = () => Promise.resolve()
  readMemory: () => Promise<MemoryReading> = () => Promise.resolve(this.memory())
  count: ((messages: readonly ChatMessage[]) => Promise<number>) | undefined
  readonly provider: ScriptedProvider = new ScriptedProvider('local', {
    count: (_definition, messages) =>
      this.count?.(messages) ?? Promise.resolve(messages.reduce((sum, { content }) => sum + content.length, 0)),
    load: (definition, signal) => this.#load(definition, signal),
    unload: () => Promise.resolve(),
    generate: (_definition, request, signal) => this.#generate(request, signal),
    dispose: () => {},
  })
  manager!: Manager
  #requests = 0

  async start(changes: Partial<ManagerOptions> = {}): Promise<Stage> {
    this.manager = await Manager.start({
      clock: this.clock,
      providers: { local: this.provider },
      catalog: {
        async resolve(name) {
          if (name === 'unknown') throw resourceError('model-not-found', "Unknown model 'unknown'.")
          return define(name ?? 'default-model')
        },
        list: () => Promise.resolve([]),
        about: noDescription,
      },
      meter: { read: () => this.readMemory() },
      settings: DEFAULT_SETTINGS,
      identity: { version: '1', instanceId: 'here', pid: 1, cores: 2 },
      newRequestId: () => `r${++this.#requests}`,
      onFootprint: (_definition, { bytes }) => this.learned.push(bytes),
      onFault: (error) => this.faults.push(error),
      ...changes,
    })
    this.manager.subscribe(undefined, (event) => this.events.push(event))
    return this
  }

  memory(): MemoryReading {
    const usedBytes = 100 * MB
    const [totalBytes, pressureRatio] = [1_000 * MB, 0.1]
    const availableBytes = totalBytes - usedBytes
    const bytes = { totalBytes, usedBytes, availableBytes }
    return { atMs: this.clock.nowMs(), ...bytes, pressureRatio, pressureSources: [], gpus: [] }
  }

  /** The engine says a word in the newest answer. */
  say(text: string): void {
    this.answers.at(-1)?.push({ type: 'text', text })
  }

  end(usage: TokenUsage = { promptTokens: 3, cachedTokens: 1, generatedTokens: 2 }): void {
    this.answers.at(-1)?.push({ type: 'end', finishReason: 'stop', usage, prefillMs: 1, decodeMs: 1 })
    this.answers.at(-1)?.end()
  }

  loseEngine(engineKey: string): void {
    this.provider.lose({ engineKey, cause: 'crashed', detail: 'signal SIGKILL' })
    this.answers.at(-1)?.fail(resourceError('engine-lost', 'lost'))
  }

  async #load(definition: ModelDefinition, _signal: AbortSignal): Promise<LoadResult> {
    this.loads += 1
    await this.load(definition)
    const footprint = { bytes: 90 * MB, source: 'measured' as const }
    return { loadMs: 40, footprint, contextTokens: definition.contextTokens, heldFileBytes: 0, pid: 77 }
  }

  #generate(request: GenerateRequest, signal: AbortSignal): AnswerChannel<GenerateChunk> {
    const channel = new AnswerChannel<GenerateChunk>(() => {})
    signal.addEventListener('abort', () => channel.fail(resourceError('request-cancelled', 'left')), { once: true })
    this.asked.push(request)
    this.answers.push(channel)
    return channel
  }
}

export function ask(isStreamed: boolean, model = 'a'): InferRequest {
  return { model, messages: [{ role: 'user', content: 'hi' }], sampling: { seed: 1 }, stop: ['x'], isStreamed }
}

export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export function never(): AbortSignal {
  return new AbortController().signal
}
