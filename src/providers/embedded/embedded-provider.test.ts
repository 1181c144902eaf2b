import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { WeightsLocator } from '../../spec/catalog.ts'
import { resourceError } from '../../spec/errors.ts'
import type { ModelDefinition } from '../../spec/model.ts'
import { LinuxProcessMeter } from '../../system/linux-process-meter.ts'
import { SystemClock } from '../../system/system-clock.ts'
import { PROVIDER_CONTRACT, type ProviderUnderTest } from '../../testing/provider-contract.ts'
import { tinyGguf } from '../../testing/tiny-gguf.ts'
import { EmbeddedProvider } from './embedded-provider.ts'

/*
 * The real engine on generated models of half a megabyte: everything but sense is real.
 */

let folder = ''
const paths = new Map<string, string>()
const running = new Set<number>()
let provider: EmbeddedProvider

const weights: WeightsLocator = {
  async locate(modelId) {
    const path = paths.get(modelId)
    if (!path) throw resourceError('model-file-missing', `${modelId} is gone.`)
    return { path, sizeBytes: 519_648, contextTokens: 2_048, longestTokenBytes: 6 }
  },
}

function define(id: string, engineKey: string, contextTokens = 1_024): ModelDefinition {
  return {
    id,
    platform: 'local',
    engineKey,
    contextTokens,
    parallel: 1,
    estimate: { weightsBytes: 510_208, contextBytes: 7_500_000, processBytes: 73_000_000, source: 'estimated' },
    pinned: false,
    idleTimeoutMs: null,
  }
}

async function placeModel(id: string, file: string, content: Uint8Array): Promise<void> {
  const path = join(folder, file)
  await writeFile(path, content)
  paths.set(id, path)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-embedded-'))
  await placeModel('tiny', 'tiny.gguf', tinyGguf())
  await placeModel('sibling', 'tiny.gguf', tinyGguf())
  await placeModel('other', 'other.gguf', tinyGguf({ name: 'tine', seed: 2 }))
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

afterEach(async () => {
  await provider.dispose()
  expect([...running].filter(isAlive)).toEqual([])
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function subject(): ProviderUnderTest {
  return {
    provider,
    model: define('tiny', 'a'),
    sibling: define('sibling', 'a'),
    other: define('other', 'b'),
    missing: define('missing', 'c'),
    async crash() {
      for (const pid of running) process.kill(pid, 'SIGKILL')
    },
    hasEngines: async () => [...running].some(isAlive),
  }
}

for (const { promise, run } of PROVIDER_CONTRACT) test(promise, () => run(subject()))
