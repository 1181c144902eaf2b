import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, test } from 'vitest'
import { smollm2 } from '../../../test/support/smollm2.ts'
import type { WeightsLocator } from '../../spec/catalog.ts'
import { resourceError } from '../../spec/errors.ts'
import { DEFAULT_ENGINE_OPTIONS, type ModelDefinition } from '../../spec/model.ts'
import { LinuxProcessMeter } from '../../system/linux-process-meter.ts'
import { SystemClock } from '../../system/system-clock.ts'
import type { ProviderUnderTest } from '../../testing/contract-check.ts'
import { PROVIDER_CONTRACT } from '../../testing/provider-contract.ts'
import { tinyGguf } from '../../testing/tiny-gguf.ts'
import { EmbeddedProvider } from './embedded-provider.ts'

/*
 * The contract of every provider on the embedded engine with the real model.
 */

let folder = ''
const paths = new Map<string, string>()
const running = new Set<number>()
let provider: EmbeddedProvider

const weights: WeightsLocator = {
  async locate(modelId) {
    const path = paths.get(modelId)
    if (!path) throw resourceError('model-file-missing', `${modelId} is gone.`)
    return { path, sizeBytes: (await stat(path)).size, contextTokens: 512 }
  },
}

function define(id: string, engineKey: string): ModelDefinition {
  return {
    id,
    platform: 'local',
    engineKey,
    contextTokens: 512,
    parallel: 1,
    engine: DEFAULT_ENGINE_OPTIONS,
    estimate: { weightsBytes: 98_000_000, contextBytes: 20_000_000, processBytes: 140_000_000, source: 'estimated' },
    maxPromptBytes: null,
    pinned: false,
    idleTimeoutMs: null,
    priority: 0,
    defaults: {},
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-embedded-'))
  const tiny = join(folder, 'tiny.gguf')
  await writeFile(tiny, tinyGguf())
  paths.set('smollm2', await smollm2())
  paths.set('sibling', await smollm2())
  paths.set('other', tiny)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

beforeEach(() => {
  provider = new EmbeddedProvider({
    clock: new SystemClock(),
    processMeter: new LinuxProcessMeter(),
    weights,
    cores: 2,
    compileCacheFolder: join(folder, 'compiled'),
    onSpawned: (pid) => running.add(pid),
    onExited: (pid) => running.delete(pid),
  })
})

afterEach(() => provider.dispose())

function subject(): ProviderUnderTest {
  const signalAll = (signal: NodeJS.Signals): void => {
    for (const pid of running) process.kill(pid, signal)
  }
  return {
    provider,
    model: define('smollm2', 'a'),
    sibling: define('sibling', 'a'),
    other: define('other', 'b'),
    missing: define('missing', 'c'),
    crash: async () => signalAll('SIGKILL'),
    stall: async () => signalAll('SIGSTOP'),
    hasEngines: async () => running.size > 0,
  }
}

describe('the contract of every provider, with the real model', () => {
  for (const { promise, run } of PROVIDER_CONTRACT) test(promise, () => run(subject()))
})
