import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Manager } from '../src/manager/manager.ts'
import { FileCatalog } from '../src/models/catalog.ts'
import { EngineCatalog } from '../src/models/engine-catalog.ts'
import { LearnedFootprints } from '../src/models/learned-footprints.ts'
import { MetadataCache } from '../src/models/metadata-cache.ts'
import { DEFAULT_SETTINGS } from '../src/spec/settings.ts'
import { DigestCache } from '../src/system/file-digest.ts'
import { SystemClock } from '../src/system/system-clock.ts'
import { reading } from './support/core-world.ts'
import { FakeOllamaGround } from './support/ollama-provider-ground.ts'
import { plainCatalogSettings } from './support/plain-catalog-settings.ts'

/*
 * Clients of a whole grym over a fake Ollama, which loads anew for each `num_ctx` that differs, as the real one does, and
 * counts that.
 */

const MODEL = 'llama3.2:1b'
const GB = 1_000_000_000

interface Machine {
  readonly manager: Manager
  readonly ollama: FakeOllamaGround
}

async function start(version: string, entries: Parameters<typeof plainCatalogSettings>[0] = {}): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'grym-windows-'))
  const ollama = await FakeOllamaGround.start({ version })
  const clock = new SystemClock()
  const learned = await LearnedFootprints.open(join(folder, 'learned.json'))
  const metadata = new MetadataCache(join(folder, 'metadata.json'))
  const settings = (): ReturnType<typeof plainCatalogSettings> => ({
    ...plainCatalogSettings(entries),
    contextTokens: 4_096,
    maxKvBytes: 20 * GB,
  })
  const digests = new DigestCache(join(folder, 'digests.json'))
  const files = new FileCatalog({
    ...{ clock, folders: [folder], ollamaFolders: [], digests, metadata, learned, settings },
    ...{ batchTokens: 128, gpuBatchTokens: 512 },
  })
  let requests = 0
  const manager = await Manager.start({
    clock,
    providers: { ollama: ollama.ground.provider },
    catalog: new EngineCatalog({ files, engines: [ollama.ground.models], learned, metadata, settings }),
    meter: { read: async () => ({ ...reading(0, 64 * GB), atMs: clock.nowMs() }) },
    settings: DEFAULT_SETTINGS,
    identity: { version: '1', instanceId: 'here', pid: 1, cores: 2 },
    newRequestId: () => `r${++requests}`,
  })
  onTestFinished(async () => {
    await manager.close(1_000)
    await ollama[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })
  return { manager, ollama }
}

async function ask({ manager }: Machine, contextTokens: number, model = MODEL): Promise<void> {
  const request = {
    model,
    messages: [{ role: 'user' as const, content: `in ${contextTokens} tokens` }],
    sampling: {},
    maxTokens: 2,
    stop: [],
    isStreamed: false,
    wish: { contextTokens },
  }
  const chunks = await Array.fromAsync(manager.infer(request, new AbortController().signal))
  expect(chunks.at(-1)).toMatchObject({ type: 'end' })
}

for (const version of ['0.17.4', '0.33.0']) {
  test(`${version}: two clients that take turns with num_ctx 2048 and 8192 cost one load anew in 20 requests`, async () => {
    const machine = await start(version)
    for (let turn = 0; turn < 10; turn++) {
      await ask(machine, 2_048)
      await ask(machine, 8_192)
    }
    expect(machine.ollama.fake.counters).toMatchObject({ loads: 2, cancelled: 0, cutPrompts: 0 })
    const { models, engineCounters } = machine.manager.status()
    expect(models).toMatchObject([{ id: MODEL, contextTokens: 8_192 }])
    // The first request found nothing loaded; the nine others with 2,048 tokens would each have had it loaded anew.
    expect(engineCounters.ollama).toEqual({ reloadsAvoided: 9, reloads: 1 })
  })

  test(`${version}: so they do at the same time, and no answer is cut off`, async () => {
    const machine = await start(version)
    const turns = Array.from({ length: 20 }, (_, index) => ask(machine, index % 2 === 0 ? 2_048 : 8_192))
    await Promise.all(turns)
    expect(machine.ollama.fake.counters.loads).toBeLessThanOrEqual(2)
    expect(machine.ollama.fake.counters).toMatchObject({ cancelled: 0, cutPrompts: 0 })
  })
}

test("a window that a person's entry sets stays, whatever is wished for", async () => {
  const machine = await start('0.33.0', { [MODEL]: { name: MODEL, settings: { contextTokens: 1_024 } } })
  for (const contextTokens of [512, 1_024, 8_192, 2_048]) await ask(machine, contextTokens)
  expect(machine.ollama.fake.counters).toMatchObject({ loads: 1 })
  expect(machine.manager.status()).toMatchObject({ models: [{ contextTokens: 1_024 }] })
})

test('a wish beyond what the model was trained for is cut to that, with one load anew', async () => {
  const machine = await start('0.33.0')
  const { trainContextTokens } = await machine.manager.about(MODEL)
  await ask(machine, 1_024)
  for (let turn = 0; turn < 3; turn++) await ask(machine, 10_000_000)
  expect(machine.ollama.fake.counters).toMatchObject({ loads: 2 })
  expect(machine.manager.status()).toMatchObject({ models: [{ contextTokens: trainContextTokens }] })
})
