import { afterEach, describe, expect, test } from 'vitest'
import { FakeOllamaGround, ForwardClock } from '../../../test/support/ollama-provider-ground.ts'
import { ask, drain, never, read, rejects } from '../../testing/contract-check.ts'

const MODEL = 'llama3.2:1b'
const TWIN = 'twin:latest'
/** Short, and longer than a request takes. */
const WATCH = { watchIntervalMs: () => 20 }

let started: FakeOllamaGround | undefined

afterEach(async () => {
  await started?.[Symbol.asyncDispose]()
  started = undefined
})

async function start(...[options, more]: Parameters<typeof FakeOllamaGround.start>): Promise<FakeOllamaGround> {
  started = await FakeOllamaGround.start(options, { ...WATCH, ...more })
  return started
}

async function loaded(...given: Parameters<typeof FakeOllamaGround.start>): Promise<FakeOllamaGround> {
  const { ground } = await start(...given)
  await ground.provider.load(await ground.define(MODEL, 2_048), never())
  return started as FakeOllamaGround
}

async function askAnother({ fake }: FakeOllamaGround, body: object): Promise<void> {
  const response = await fetch(`${fake.url}/api/generate`, { method: 'POST', body: JSON.stringify(body) })
  await response.text()
}

const causes = ({ ground }: FakeOllamaGround): string[] => ground.losses.map(({ cause }) => cause)

for (const version of ['0.17.4', '0.33.0']) {
  describe(version, () => {
    test('a model that somebody unloads is told as taken, once, and can be loaded again', async () => {
      const all = await loaded({ version })
      const { provider } = all.ground
      await provider.load(await all.ground.define(TWIN, 2_048), never())
      await askAnother(all, { model: TWIN, keep_alive: 0 })
      await expect.poll(() => causes(all)).toEqual(['taken'])
      for (const id of [MODEL, TWIN]) {
        await expect(read(provider.generate(id, ask('x', 2), never()))).rejects.toMatchObject({ reason: 'engine-lost' })
      }
      await provider.load(await all.ground.define(MODEL, 2_048), never())
      await read(provider.generate(MODEL, ask('x', 2), never()))
      expect(causes(all)).toEqual(['taken'])
    })

    test('a model that makes room for somebody else’s is told as taken', async () => {
      const all = await loaded({ version, maxLoadedModels: 1 })
      await askAnother(all, { model: 'smollm2:135m' })
      await expect.poll(() => causes(all)).toEqual(['taken'])
      expect(all.ground.losses[0]?.detail).toContain('made room')
    })

    test('a smaller window by somebody else takes the model away; it comes back when it is asked for', async () => {
      const all = await loaded({ version })
      await askAnother(all, { model: MODEL, options: { num_ctx: 512 } })
      await expect.poll(() => causes(all)).toEqual(['taken'])
      expect(all.ground.losses[0]?.detail).toContain('512 tokens instead of 2048')
    })

    test('the whole server goes: everything on it is lost, and answers end', async () => {
      const all = await loaded({ version, tokenDelayMs: 5 })
      const { fake, ground } = all
      await ground.provider.load(await ground.define('smollm2:135m', 512), never())
      const answer = ground.provider.generate(MODEL, ask('lost', 500), never())[Symbol.asyncIterator]()
      await answer.next()
      const drained = rejects('engine-lost', drain(answer))
      await fake.stop()
      await drained
      expect(causes(all)).toEqual(['crashed', 'crashed'])
      await expect(ground.provider.load(await ground.define(MODEL), never())).rejects.toMatchObject({
        reason: 'engine-unreachable',
        isRetryable: true,
      })
    })

    test('an idle server that goes is noticed by the next look', async () => {
      const all = await loaded({ version })
      await all.fake.stop()
      await expect.poll(() => causes(all)).toEqual(['crashed'])
    })

    test('a process that dies while nobody asks is noticed by the next look', async () => {
      const all = await loaded({ version })
      all.fake.crashRunner(MODEL)
      await expect.poll(() => causes(all)).toEqual(['crashed'])
    })

    test('an error within an answer that says that the process died is a loss, seen or not', async () => {
      const all = await loaded({ version }, { isSeen: false })
      const text = 'an error was encountered while running the model: unexpected EOF'
      all.fake.knobs.runFailures.set(MODEL, { afterTokens: 2, text })
      const answer = read(all.ground.provider.generate(MODEL, ask('x', 8), never()))
      await expect(answer).rejects.toMatchObject({ reason: 'engine-lost', details: { cause: 'crashed', detail: text } })
      expect(causes(all)).toEqual(['crashed'])
    })

    test('any other error within an answer is its own, and the model goes on', async () => {
      const all = await loaded({ version })
      all.fake.knobs.runFailures.set(MODEL, { afterTokens: 2, text: 'something odd' })
      const answer = read(all.ground.provider.generate(MODEL, ask('x', 8), never()))
      await expect(answer).rejects.toMatchObject({ reason: 'engine-error' })
      all.fake.knobs.runFailures.clear()
      await read(all.ground.provider.generate(MODEL, ask('x', 8), never()))
      expect(causes(all)).toEqual([])
    })
  })
}

test('a larger window by somebody else is used as it is, so that nobody loads it again', async () => {
  const all = await loaded({ version: '0.17.4' })
  const { fake, ground } = all
  await askAnother(all, { model: MODEL, options: { num_ctx: 8_192 } })
  await expect.poll(() => ground.provider.counters.reloadsAvoided).toBe(1)
  await read(ground.provider.generate(MODEL, ask('x', 2), never()))
  expect(causes(all)).toEqual([])
  expect(fake.counters.loads).toBe(2)
  expect((await ground.provider.measure(MODEL))?.bytes).toBe(1_321_082_688 + 8_192 * 32_768)
})

test('a stream that ends quietly is never a whole answer: it failed alone, where Ollama still has its model', async () => {
  for (const isSeen of [true, false]) {
    const all = await loaded({}, { isSeen })
    all.fake.knobs.quietEnds.set(MODEL, 3)
    const answer = read(all.ground.provider.generate(MODEL, ask('x', 8), never()))
    await expect(answer).rejects.toMatchObject({ reason: 'engine-error' })
    expect(causes(all)).toEqual([])
    await started?.[Symbol.asyncDispose]()
  }
})

test('one answer that fails takes no other one with it, whatever text of the model is quoted', async () => {
  for (const text of [
    `error parsing tool call: raw='{"cmd":"cat > x <<EOF', err=unexpected end of JSON input`,
    'XML syntax error on line 3: unexpected EOF',
    'an error was encountered while running the model: unexpected EOF',
  ]) {
    const all = await loaded({ numParallel: 2, tokenDelayMs: 5 })
    const { fake, ground } = all
    const whole = read(ground.provider.generate(MODEL, ask('whole', 30), never()))
    await expect.poll(() => fake.loaded[0]?.useCount).toBe(1)
    fake.knobs.runFailures.set(MODEL, { afterTokens: 1, text })
    const failed = read(ground.provider.generate(MODEL, ask('failed', 30), never()))
    await expect(failed).rejects.toMatchObject({ reason: 'engine-error', details: { engineMessage: text } })
    expect((await whole).at(-1)?.type).toBe('end')
    expect(causes(all)).toEqual([])
    await started?.[Symbol.asyncDispose]()
  }
})

test('an answer that Ollama ends because a token repeats is no loss', async () => {
  const all = await loaded({ answerTokens: 200 }, { isSeen: false })
  const opening = ['You', ' said', ':'].length
  all.fake.knobs.quietEnds.set(MODEL, opening + 31)
  const request = { ...ask('', 100), messages: [], completion: { prompt: 'a '.repeat(60) } }
  const answer = read(all.ground.provider.generate(MODEL, request, never()))
  await expect(answer).rejects.toMatchObject({ reason: 'engine-error' })
  await expect(answer).rejects.toThrow('the same token again and again')
  expect(causes(all)).toEqual([])
})

test('a kill by the kernel is told as lack of memory', async () => {
  let kills = 0
  const seen = {
    read: async () => undefined,
    preferAsOomVictim: async () => undefined,
    oomKillCount: async () => kills,
  }
  const all = await loaded({ tokenDelayMs: 5 }, { processMeter: seen })
  const answer = all.ground.provider.generate(MODEL, ask('x', 500), never())[Symbol.asyncIterator]()
  await answer.next()
  kills++
  all.fake.crashRunner(MODEL)
  await expect(drain(answer)).rejects.toMatchObject({ details: { cause: 'out-of-memory' } })
  expect(causes(all)).toEqual(['out-of-memory'])
})

test('a kill by the kernel long before is no reason for a crash', async () => {
  let kills = 0
  let asked = 0
  const seen = {
    read: async () => undefined,
    preferAsOomVictim: async () => undefined,
    oomKillCount: async () => (asked++, kills),
  }
  const all = await loaded({}, { processMeter: seen })
  kills++
  const before = asked
  await expect.poll(() => asked).toBeGreaterThan(before + 2)
  all.fake.crashRunner(MODEL)
  await expect.poll(() => causes(all)).toEqual(['crashed'])
})

test('what grym uses seldom is kept by a touch in good time', async () => {
  const clock = new ForwardClock()
  const all = await loaded({}, { clock })
  const loads = (): number => all.fake.requests.filter(({ path }) => path === '/api/generate').length
  expect(loads()).toBe(1)
  clock.forward(12 * 3_600_000 + 1)
  await expect.poll(loads).toBe(2)
  expect(all.fake.counters.loads).toBe(1)
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect(loads()).toBe(2)
})

test('a model that grym unloads is not lost, however often is looked', async () => {
  const all = await loaded({ unloadDelayMs: 80 }, { watchIntervalMs: () => 1 })
  await all.ground.provider.unload(MODEL)
  await all.ground.provider.load(await all.ground.define(MODEL), never())
  await all.ground.provider.dispose()
  expect(causes(all)).toEqual([])
})

test('nothing is asked of Ollama when nothing is loaded', async () => {
  const { fake, ground } = await start()
  const looks = (): number => fake.requests.filter(({ path }) => path === '/api/ps').length
  await ground.provider.load(await ground.define(MODEL), never())
  await expect.poll(looks).toBeGreaterThan(2)
  await ground.provider.unload(MODEL)
  const before = looks()
  await new Promise((resolve) => setTimeout(resolve, 80))
  expect(looks() - before).toBeLessThanOrEqual(1)
})
