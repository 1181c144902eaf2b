import { afterEach, expect, test } from 'vitest'
import { FakeOllamaGround } from '../../../test/support/ollama-provider-ground.ts'
import { throughClock } from '../../../test/support/through-clock.ts'
import type { GpuPlacement } from '../../spec/gpu-placement.ts'
import { ask, never, read } from '../../testing/contract-check.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { DEFAULT_MODELS } from '../../testing/ollama/models.ts'

const VERSIONS = ['0.17.4', '0.33.0'] as const
const MODEL = 'llama3.2:1b'
const TWIN = 'twin:latest'

let started: FakeOllamaGround | undefined

afterEach(async () => {
  await started?.[Symbol.asyncDispose]()
  started = undefined
})

async function start(...[options, more]: Parameters<typeof FakeOllamaGround.start>): Promise<FakeOllamaGround> {
  started = await FakeOllamaGround.start(options, more)
  return started
}

/** Somebody else uses the same Ollama. */
async function askAnother({ fake }: FakeOllamaGround, path: string, body: object): Promise<void> {
  const response = await fetch(fake.url + path, { method: 'POST', body: JSON.stringify(body) })
  await response.text()
}

for (const version of VERSIONS) {
  test(`${version}: whatever is asked, a model is loaded once`, async () => {
    const { fake, ground } = await start({ version })
    const model = await ground.define(MODEL, 1_024)
    const { provider } = ground
    await provider.load(model, never())
    await read(provider.generate(MODEL, { ...ask('a', 4), sampling: { temperature: 1, topK: 3 } }, never()))
    await read(provider.generate(MODEL, { ...ask('', 4), messages: [], completion: { prompt: 'Once' } }, never()))
    await read(provider.generate(MODEL, { ...ask('a', 4), format: { type: 'json' } }, never()))
    expect(fake.counters).toMatchObject({ loads: 1, reloads: 0, cutPrompts: 0, droppedMessages: 0, contextShifts: 0 })
  })

  test(`${version}: a batch that is configured is in every request; another one is a load of its own`, async () => {
    const { fake, ground } = await start({ version })
    const { provider } = ground
    const model = await ground.define(MODEL, 1_024)
    const batches = (): unknown[] =>
      fake.requests.flatMap(({ body }) => {
        const options = (body as { options?: { num_batch?: number } } | undefined)?.options
        return options?.num_batch === undefined ? [] : [options.num_batch]
      })
    await provider.load({ ...model, engine: { ...model.engine, batchTokens: 64 } }, never())
    await read(provider.generate(MODEL, ask('a', 4), never()))
    expect(batches()).toEqual([64, 64])
    await provider.unload(MODEL)
    await provider.load(model, never())
    expect(batches().at(-1)).toBe(512)
    expect(fake.counters).toMatchObject({ loads: 2, reloads: 0 })
  })

  test(`${version}: a second name with a smaller window joins, with a larger one it has it loaded once more`, async () => {
    const { fake, ground } = await start({ version })
    const { provider } = ground
    await provider.load(await ground.define(MODEL, 2_048), never())
    const joined = await provider.load(await ground.define(TWIN, 1_024), never())
    expect(joined).toMatchObject({ contextTokens: 2_048, footprint: { bytes: 0, source: 'measured' } })
    expect(provider.counters).toEqual({ reloadsAvoided: 1, reloads: 0 })
    for (const id of [MODEL, TWIN, MODEL]) await read(provider.generate(id, ask('x', 2), never()))
    expect(fake.counters).toMatchObject({ loads: 1, reloads: 0 })
    await provider.unload(TWIN)
    expect(fake.loaded).toHaveLength(1)
    const grown = await provider.load(await ground.define(TWIN, 4_096), never())
    expect(grown.contextTokens).toBe(4_096)
    expect(grown.footprint.bytes).toBe(2_048 * 32_768)
    for (const id of [MODEL, TWIN, MODEL]) await read(provider.generate(id, ask('x', 2), never()))
    expect(provider.counters).toEqual({ reloadsAvoided: 1, reloads: 1 })
    expect(fake.counters).toMatchObject({ loads: 2, reloads: 1 })
    expect(ground.losses).toEqual([])
  })

  test(`${version}: answers and embeddings of one model each get a runner that fits`, async () => {
    const { fake, ground } = await start({ version })
    const { provider } = ground
    await provider.load(await ground.define(MODEL), never())
    await read(provider.generate(MODEL, ask('x', 2), never()))
    await provider.embed(MODEL, ['a'], never())
    await provider.embed(MODEL, ['b'], never())
    await read(provider.generate(MODEL, ask('x', 2), never()))
    const reloads = version === '0.17.4' ? 0 : 2
    expect(provider.counters.reloads).toBe(reloads)
    expect(fake.counters.reloads).toBe(reloads)
    expect(ground.losses).toEqual([])
  })

  test(`${version}: a model that only embeds is loaded for that, whether its definition says so or not`, async () => {
    const { fake, ground } = await start({ version })
    const { provider } = ground
    for (const onlyEmbeds of [true, false]) {
      const model = await ground.define('nomic-embed-text', 2_048, { onlyEmbeds })
      await provider.load(model, never())
      expect((await provider.embed(model.id, ['a', 'b'], never())).vectors).toHaveLength(2)
      const answer = read(provider.generate(model.id, ask('x', 2), never()))
      await expect(answer).rejects.toMatchObject({ reason: 'generation-unsupported' })
      await provider.unload(model.id)
    }
    expect(fake.loaded).toEqual([])
    expect(ground.losses).toEqual([])
  })
}

test('unloaded and loaded with a smaller window it gives memory back; beside another name the window stays', async () => {
  for (const version of VERSIONS) {
    const { fake, ground } = await start({ version })
    const { provider } = ground
    const large = await provider.load(await ground.define(MODEL, 8_192), never())
    await provider.unload(MODEL)
    const small = await provider.load(await ground.define(MODEL, 2_048), never())
    expect(small).toMatchObject({ contextTokens: 2_048, footprint: { source: 'measured' } })
    expect(large.footprint.bytes - small.footprint.bytes).toBe(6_144 * 32_768)
    await read(provider.generate(MODEL, ask('x', 2), never()))
    expect(fake.counters).toMatchObject({ loads: 2, reloads: 0 })
    // Whoever else is on the runner keeps what it was promised.
    await provider.load(await ground.define(TWIN, 2_048), never())
    await provider.unload(MODEL)
    expect((await provider.load(await ground.define(MODEL, 1_024), never())).contextTokens).toBe(2_048)
    expect(fake.counters).toMatchObject({ loads: 2, reloads: 0 })
    await started?.[Symbol.asyncDispose]()
  }
})

test('the larger window waits for the answers that run, and new ones wait for it', async () => {
  const { fake, ground } = await start({ version: '0.17.4', tokenDelayMs: 5 })
  const { provider } = ground
  await provider.load(await ground.define(MODEL, 1_024), never())
  const answer = provider.generate(MODEL, ask('first', 8), never())[Symbol.asyncIterator]()
  await answer.next()
  const grown = provider.load(await ground.define(TWIN, 2_048), never())
  const later = read(provider.generate(MODEL, ask('later', 2), never()))
  while (!(await answer.next()).done);
  await grown
  expect((await later).at(-1)?.type).toBe('end')
  expect(fake.counters).toMatchObject({ loads: 2, reloads: 1, cancelled: 0 })
})

test('a load that is given up leaves what somebody else had loaded', async () => {
  const ground = await start({ version: '0.17.4' })
  await askAnother(ground, '/api/generate', { model: MODEL, options: { num_ctx: 1_024 } })
  ground.fake.knobs.loadDelayMs = 50
  const leaving = new AbortController()
  const load = ground.ground.provider.load(await ground.ground.define(MODEL, 512), leaving.signal)
  leaving.abort()
  await expect(load).rejects.toMatchObject({ reason: 'request-cancelled' })
  expect(ground.fake.loaded).toHaveLength(1)
})

test('a load that is given up while Ollama loads leaves nothing', async () => {
  for (const version of VERSIONS) {
    const { fake, ground } = await start({ version, loadDelayMs: 10_000 })
    const leaving = new AbortController()
    const load = ground.provider.load(await ground.define(MODEL), leaving.signal)
    await expect.poll(() => fake.loaded.length).toBe(1)
    leaving.abort()
    await expect(load).rejects.toMatchObject({ reason: 'request-cancelled' })
    expect(fake.loaded).toEqual([])
    expect(fake.counters.abortedLoads).toBe(1)
    await started?.[Symbol.asyncDispose]()
  }
})

test('what somebody else has loaded larger is shared, and left to them in the end', async () => {
  const ground = await start({ version: '0.17.4' })
  const { provider } = ground.ground
  await askAnother(ground, '/api/generate', { model: TWIN, options: { num_ctx: 8_192 } })
  const loaded = await provider.load(await ground.ground.define(MODEL, 2_048), never())
  expect(loaded.contextTokens).toBe(8_192)
  expect(provider.counters.reloadsAvoided).toBe(1)
  await read(provider.generate(MODEL, ask('x', 2), never()))
  expect(ground.fake.counters).toMatchObject({ loads: 1, reloads: 0 })
  await provider.dispose()
  expect(ground.fake.loaded).toHaveLength(1)
  expect(await timeLeftMs(ground)).toBeLessThan(301_000)
})

async function timeLeftMs({ fake }: FakeOllamaGround): Promise<number> {
  const { models } = (await (await fetch(`${fake.url}/api/ps`)).json()) as { models: { expires_at: string }[] }
  return Date.parse(models[0]?.expires_at ?? '') - Date.now()
}

test('what somebody else had loaded is unloaded where its memory is needed, else left to Ollama’s own timer', async () => {
  for (const [reason, isLeft] of [
    ['shutdown', true],
    ['idle', true],
    ['evicted', false],
    ['requested', false],
  ] as const) {
    const ground = await start()
    const { provider } = ground.ground
    await askAnother(ground, '/api/generate', { model: MODEL })
    await provider.load(await ground.ground.define(MODEL), never())
    expect(await timeLeftMs(ground)).toBeGreaterThan(301_000)
    await provider.unload(MODEL, reason)
    expect(ground.fake.loaded).toHaveLength(isLeft ? 1 : 0)
    if (isLeft) expect(await timeLeftMs(ground)).toBeLessThan(301_000)
    await started?.[Symbol.asyncDispose]()
  }
})

test('what its owner has unloaded does not come back when grym ends', async () => {
  const ground = await start()
  await askAnother(ground, '/api/generate', { model: MODEL })
  await ground.ground.provider.load(await ground.ground.define(MODEL), never())
  await askAnother(ground, '/api/generate', { model: MODEL, keep_alive: 0 })
  await expect.poll(() => ground.fake.loaded).toEqual([])
  const { loads } = ground.fake.counters
  await ground.ground.provider.dispose()
  expect(ground.fake.counters.loads).toBe(loads)
})

test('the end of grym waits 10 s for an Ollama that is stopped, and closes the connection', async () => {
  const clock = new VirtualClock(0)
  const ground = await start({ unloadDelayMs: 600_000 }, { clock })
  await ground.ground.provider.load(await ground.ground.define(MODEL), never())
  const endedAtMs = await throughClock(
    clock,
    ground.ground.provider.dispose().then(() => clock.nowMs()),
  )
  expect(endedAtMs).toBeLessThanOrEqual(10_000)
  await expect(ground.ground.connection.get('/api/version')).rejects.toMatchObject({ reason: 'engine-unreachable' })
})

test('grym keeps the time: Ollama is told to keep a model long, but not for ever', async () => {
  const { fake, ground } = await start()
  await ground.provider.load(await ground.define(MODEL), never())
  await read(ground.provider.generate(MODEL, ask('x', 2), never()))
  const told = fake.requests.filter(({ path }) => path === '/api/generate' || path === '/api/chat')
  expect(told.map(({ body }) => (body as { keep_alive: unknown }).keep_alive)).toEqual(['24h', '24h'])
})

test('failed loads are told by what Ollama says, and leave nothing', async () => {
  const { fake, ground } = await start({ version: '0.17.4' })
  const model = await ground.define(MODEL)
  for (const [text, reason, isRetryable] of [
    ['model requires more system memory (5.6 GiB) than is available (1.2 GiB)', 'out-of-memory', true],
    ["error loading model: unknown model architecture: 'x'", 'architecture-unsupported', false],
    ['tensor "x" offset+size (2) exceeds file size (1)', 'model-file-corrupt', false],
    ['model failed to load, this may be due to resource limitations', 'model-load-failed', true],
  ] as const) {
    fake.knobs.loadFailures.set(MODEL, text)
    await expect(ground.provider.load(model, never())).rejects.toMatchObject({ reason, isRetryable })
    expect(fake.loaded).toEqual([])
  }
  fake.knobs.loadFailures.clear()
  await ground.provider.load(model, never())
})

test('a kill by the kernel during a load is lack of memory', async () => {
  let kills = 3
  const processMeter = {
    read: async () => undefined,
    preferAsOomVictim: async () => undefined,
    oomKillCount: async () => kills++,
  }
  const { fake, ground } = await start({ version: '0.17.4' }, { processMeter })
  fake.knobs.loadFailures.set(MODEL, 'model failed to load, this may be due to resource limitations')
  await expect(ground.provider.load(await ground.define(MODEL), never())).rejects.toMatchObject({
    reason: 'out-of-memory',
  })
})

test('without its process in sight, memory is what Ollama reports; the size of the file alone is an estimate', async () => {
  const models = DEFAULT_MODELS.map((model) => ({ ...model, isSizeUnknown: model.name === 'smollm2:135m' }))
  const { ground } = await start({ models }, { isSeen: false })
  const [known, guessed] = [await ground.define(MODEL, 1_024), await ground.define('smollm2:135m', 1_024)]
  expect((await ground.provider.load(known, never())).footprint).toEqual({
    bytes: 1_321_082_688 + 1_024 * 32_768,
    source: 'reported',
  })
  expect((await ground.provider.load(guessed, never())).footprint).toEqual({ bytes: 270_898_672, source: 'estimated' })
  expect(await ground.provider.measure(known.id)).toMatchObject({ source: 'reported' })
})

test('what lies on GPUs is not in RAM, and a placement that Ollama does not follow is refused', async () => {
  const shares = [{ gpu: 0, deviceBytes: 1, weightsBytes: 300, contextBytes: 100 }]
  const spared = { sparedWeightsBytes: 300, sparedContextBytes: 100 }
  const placement: GpuPlacement = { backend: 'cuda', layers: 17, shares, ...spared, source: 'estimated' }
  const { fake, ground } = await start({ vramBytes: 1_000_000_000 }, { isSeen: false })
  const model = await ground.define(MODEL, 1_024)
  const loaded = await ground.provider.load(model, never(), placement)
  expect(loaded.footprint).toEqual({ bytes: 1_321_082_688 + 1_024 * 32_768 - 1_000_000_000, source: 'reported' })
  expect(loaded.placement).toEqual({
    ...placement,
    shares: [{ gpu: 0, deviceBytes: 1, weightsBytes: 750_000_000, contextBytes: 250_000_000 }],
    source: 'reported',
  })
  await ground.provider.unload(model.id)
  fake.knobs.vramBytes = 0
  await expect(ground.provider.load(model, never(), placement)).rejects.toMatchObject({ reason: 'gpu-unusable' })
  expect(fake.loaded).toEqual([])
})

test('unloading ends when Ollama has given the memory back, not when it says so', async () => {
  const { fake, ground } = await start({ unloadDelayMs: 80 })
  await ground.provider.load(await ground.define(MODEL), never())
  await ground.provider.unload(MODEL)
  expect(fake.loaded).toEqual([])
  expect(fake.processes).toEqual([])
})

test('an unload when Ollama is gone has nothing to do', async () => {
  const { fake, ground } = await start()
  await ground.provider.load(await ground.define(MODEL), never())
  await fake.stop()
  await ground.provider.unload(MODEL)
  await expect(read(ground.provider.generate(MODEL, ask('x', 2), never()))).rejects.toMatchObject({
    reason: 'engine-lost',
  })
})
