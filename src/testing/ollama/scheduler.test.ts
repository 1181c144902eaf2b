import { describe, expect, test } from 'vitest'
import { FakeOllamaClient } from '../../../test/support/fake-ollama-client.ts'
import { DEFAULT_MODELS } from './models.ts'
import { BUSY_TEXT } from './scheduler.ts'

const LLAMA = { model: 'llama3.2:1b' }
const SMALL = { model: 'smollm2:135m' }
const QWEN = { model: 'qwen3:0.6b' }
const GENERATE = '/api/generate'

describe('load and unload', () => {
  test('an empty prompt loads, and answers after the load', async () => {
    await using client = await FakeOllamaClient.start({ loadDelayMs: 1_000 })
    const load = client.begin(GENERATE, LLAMA)
    await client.until(() => client.fake.loaded.length === 1)
    expect(client.fake.loaded[0]?.state).toBe('loading')
    await client.pass(999)
    expect(client.fake.loaded[0]?.state).toBe('loading')
    await client.pass(1)
    const { json, type } = await load
    expect(type).toBe('application/json; charset=utf-8')
    const created_at = '2026-01-01T00:00:01.000Z'
    expect(json).toEqual({ model: 'llama3.2:1b', created_at, response: '', done: true, done_reason: 'load' })
    expect(client.fake.counters).toMatchObject({ loads: 1, reloads: 0 })
  })

  test('a chat without messages loads and unloads in its own form', async () => {
    await using client = await FakeOllamaClient.start()
    const loaded = await client.ask('/api/chat', { ...LLAMA, messages: [] })
    expect(loaded.json).toMatchObject({ message: { role: 'assistant', content: '' }, done: true, done_reason: 'load' })
    const left = await client.ask('/api/chat', { ...LLAMA, messages: [], keep_alive: 0 })
    expect(left.json).toMatchObject({ message: { role: 'assistant', content: '' }, done: true, done_reason: 'unload' })
  })

  test('unload answers at once, leaves /api/ps later, and gives its memory back later still', async () => {
    await using client = await FakeOllamaClient.start({ unloadDelayMs: 100, freedMemoryLagMs: 1_000 })
    await client.ask(GENERATE, LLAMA)
    const takenBytes = client.fake.usedBytes
    expect(takenBytes).toBe(1_321_082_688 + 32_768 * 4_096)
    const { status, json } = await client.ask(GENERATE, { ...LLAMA, keep_alive: 0 })
    expect([status, json['done_reason']]).toEqual([200, 'unload'])
    expect(await client.models()).toMatchObject([{ name: 'llama3.2:1b', expires_at: '2026-01-01T00:00:00.000Z' }])
    await client.pass(100)
    expect(await client.names()).toEqual([])
    expect(client.fake.usedBytes).toBe(takenBytes)
    await client.pass(1_000)
    expect(client.fake.usedBytes).toBe(0)
  })

  test('unload of what is not loaded is 200', async () => {
    await using client = await FakeOllamaClient.start()
    const { status, json } = await client.ask(GENERATE, { ...LLAMA, keep_alive: '0s' })
    expect([status, json['done_reason']]).toEqual([200, 'unload'])
    expect(client.fake.counters.loads).toBe(0)
  })

  test('an unload waits for the answers under way', async () => {
    await using client = await FakeOllamaClient.start({ tokenDelayMs: 10, unloadDelayMs: 0 })
    const answer = client.begin(GENERATE, { ...LLAMA, prompt: 'long' })
    await client.until(() => client.fake.loaded[0]?.state === 'ready')
    await client.ask(GENERATE, { ...LLAMA, keep_alive: 0 })
    await client.pass(300)
    expect(client.fake.loaded).toEqual([{ name: 'llama3.2:1b', state: 'ready', useCount: 1 }])
    await client.pass(340)
    expect((await answer).json['done_reason']).toBe('stop')
    await client.until(() => client.fake.loaded.length === 0)
  })

  test('keep_alive 0 with a prompt unloads after the answer', async () => {
    await using client = await FakeOllamaClient.start({ unloadDelayMs: 0 })
    const { json } = await client.ask(GENERATE, { ...LLAMA, prompt: 'x', keep_alive: 0 })
    expect(json['done_reason']).toBe('stop')
    await client.until(() => client.fake.loaded.length === 0)
  })
})

describe('keep_alive', () => {
  test('counts from the end of the last request, and a touch with another one changes it without a reload', async () => {
    await using client = await FakeOllamaClient.start({ unloadDelayMs: 0 })
    await client.ask(GENERATE, { ...LLAMA, keep_alive: '1m' })
    await client.pass(59_000)
    await client.ask(GENERATE, LLAMA)
    await client.pass(59_000)
    expect(await client.names()).toEqual(['llama3.2:1b'])
    await client.ask(GENERATE, { ...LLAMA, keep_alive: 120 })
    await client.pass(119_999)
    expect(await client.names()).toEqual(['llama3.2:1b'])
    await client.pass(1)
    expect(await client.names()).toEqual([])
    expect(client.fake.counters).toMatchObject({ loads: 1, reloads: 0, unloads: 1 })
  })

  test('is the server’s when nobody says', async () => {
    await using client = await FakeOllamaClient.start({ keepAliveMs: 5_000, unloadDelayMs: 0 })
    await client.ask(GENERATE, LLAMA)
    expect((await client.models())[0]?.['expires_at']).toBe('2026-01-01T00:00:05.000Z')
    await client.pass(5_000)
    expect(await client.names()).toEqual([])
  })

  test('forever outlives every timer, and is listed first', async () => {
    await using client = await FakeOllamaClient.start()
    await client.ask(GENERATE, { ...SMALL, keep_alive: '2000h' })
    await client.ask(GENERATE, { ...LLAMA, keep_alive: -1 })
    expect((await client.models()).map(({ name, expires_at }) => [name, String(expires_at).slice(0, 4)])).toEqual([
      ['llama3.2:1b', '2318'],
      ['smollm2:135m', '2026'],
    ])
    await client.pass(1_999 * 3_600_000)
    expect(await client.names()).toEqual(['llama3.2:1b', 'smollm2:135m'])
    await client.pass(2 * 3_600_000)
    expect(await client.names()).toEqual(['llama3.2:1b'])
  })

  test('before it was idle once, the end shown is reckoned from now', async () => {
    await using client = await FakeOllamaClient.start({ loadDelayMs: 10_000 })
    const load = client.begin(GENERATE, { ...LLAMA, keep_alive: '10m' })
    await client.until(() => client.fake.loaded.length === 1)
    await client.pass(5_000)
    expect((await client.models())[0]?.['expires_at']).toBe('2026-01-01T00:10:05.000Z')
    await client.pass(5_000)
    await load
  })
})

describe('reloads', () => {
  test.each([
    ['0.17.4', 0],
    ['0.33.0', 1],
  ])('%s: another shift is %d reload', async (version, reloads) => {
    await using client = await FakeOllamaClient.start({ version, unloadDelayMs: 0 })
    await client.ask(GENERATE, LLAMA)
    await client.ask(GENERATE, { ...LLAMA, prompt: 'x', shift: false })
    expect(client.fake.counters).toMatchObject({ loads: 1 + reloads, reloads })
  })

  test('keep_alive, sampling, format, think and tools never reload; num_ctx does', async () => {
    await using client = await FakeOllamaClient.start({ unloadDelayMs: 0 })
    const chat = { ...QWEN, messages: [{ role: 'user', content: 'x' }] }
    await client.ask('/api/chat', chat)
    const tools = [{ type: 'function', function: { name: 'f' } }]
    await client.ask('/api/chat', { ...chat, keep_alive: 9, format: 'json', think: false, tools, options: { seed: 1 } })
    expect(client.fake.counters.reloads).toBe(0)
    await client.ask('/api/chat', { ...chat, options: { num_ctx: 1_000 } })
    expect(client.fake.counters).toMatchObject({ loads: 2, reloads: 1, evictions: 0 })
  })

  test('one family does not shift unless told to', async () => {
    const models = DEFAULT_MODELS.map((model) => ({ ...model, family: 'deepseek2' }))
    await using client = await FakeOllamaClient.start({ models, unloadDelayMs: 0 })
    await client.ask(GENERATE, LLAMA)
    await client.ask(GENERATE, { ...LLAMA, shift: false })
    expect(client.fake.counters.reloads).toBe(0)
    await client.ask(GENERATE, { ...LLAMA, shift: true })
    expect(client.fake.counters.reloads).toBe(1)
  })

  test('a keep_alive that comes while a busy model was to go lets it stay', async () => {
    await using client = await FakeOllamaClient.start({ tokenDelayMs: 10, unloadDelayMs: 0 })
    const answer = client.begin(GENERATE, { ...LLAMA, prompt: 'long' })
    await client.until(() => client.fake.loaded[0]?.state === 'ready')
    await client.ask(GENERATE, { ...LLAMA, keep_alive: 0 })
    await client.ask(GENERATE, { ...LLAMA, keep_alive: '1m' })
    await client.pass(640)
    await answer
    await client.pass(59_000)
    expect(client.fake.counters).toMatchObject({ loads: 1, unloads: 0 })
  })

  test('two names for the same weights share a runner, which keeps the name of the first', async () => {
    await using client = await FakeOllamaClient.start({ unloadDelayMs: 0 })
    await client.ask(GENERATE, LLAMA)
    await client.ask(GENERATE, { model: 'twin' })
    expect(await client.names()).toEqual(['llama3.2:1b'])
    await client.ask(GENERATE, { model: 'twin', options: { num_ctx: 8_192 } })
    expect(await client.names()).toEqual(['twin:latest'])
    expect(client.fake.counters).toMatchObject({ loads: 2, reloads: 1 })
  })

  test('a reload waits for the answers under way', async () => {
    await using client = await FakeOllamaClient.start({ tokenDelayMs: 10, unloadDelayMs: 0 })
    const answer = client.begin(GENERATE, { ...LLAMA, prompt: 'long' })
    await client.until(() => client.fake.loaded[0]?.state === 'ready')
    const other = client.begin(GENERATE, { ...LLAMA, options: { num_ctx: 100 } })
    await client.until(() => client.fake.counters.reloads === 1)
    expect(client.fake.loaded[0]?.useCount).toBe(1)
    await client.pass(640)
    expect((await answer).json['eval_count']).toBe(64)
    expect((await client.through(other)).json['done_reason']).toBe('load')
    expect((await client.models())[0]?.['context_length']).toBe(100)
  })

  test('a runner that died is loaded again by the next request, and listed until then', async () => {
    await using client = await FakeOllamaClient.start({ unloadDelayMs: 0 })
    await client.ask(GENERATE, LLAMA)
    expect(client.fake.crashRunner('llama3.2:1b')).toBe(true)
    expect(await client.names()).toEqual(['llama3.2:1b'])
    expect((await client.ask(GENERATE, { ...LLAMA, prompt: 'x' })).json['done_reason']).toBe('stop')
    expect(client.fake.counters.loads).toBe(2)
  })
})

describe('the queue', () => {
  test('one load at a time; past the queue 503, but not for what is loaded or joins a load', async () => {
    await using client = await FakeOllamaClient.start({ loadDelayMs: 1_000, maxQueue: 1 })
    const loading = client.begin(GENERATE, LLAMA)
    await client.until(() => client.fake.counters.loads === 1)
    const waiting = client.begin(GENERATE, SMALL)
    await client.until(() => client.fake.queuedCount === 1)
    expect(await client.ask(GENERATE, QWEN)).toMatchObject({ status: 503, json: { error: BUSY_TEXT } })
    expect(BUSY_TEXT).toBe('server busy, please try again.  maximum pending requests exceeded')
    const joining = client.begin(GENERATE, { ...LLAMA, prompt: 'joins' })
    await client.until(() => client.fake.requests.length === 4)
    expect(client.fake.loaded.map(({ name }) => name)).toEqual(['llama3.2:1b'])
    await client.pass(1_000)
    expect((await client.through(Promise.all([loading, joining]))).map(({ status }) => status)).toEqual([200, 200])
    expect((await client.ask(GENERATE, { ...LLAMA, prompt: 'past the loop' })).status).toBe(200)
    expect(client.fake.loaded.map(({ state }) => state)).toEqual(['ready', 'loading'])
    await client.pass(1_000)
    expect((await waiting).status).toBe(200)
    expect(client.fake.counters).toMatchObject({ loads: 2, refusedBusy: 1 })
  })

  test('a client that leaves aborts its load, and frees its place in the queue when the loop comes to it', async () => {
    await using client = await FakeOllamaClient.start({ loadDelayMs: 1_000, maxQueue: 1 })
    const [first, second] = [new AbortController(), new AbortController()]
    const loading = client.begin(GENERATE, LLAMA, { signal: first.signal }).catch((error: unknown) => error)
    await client.until(() => client.fake.counters.loads === 1)
    const waiting = client.begin(GENERATE, SMALL, { signal: second.signal }).catch((error: unknown) => error)
    await client.until(() => client.fake.queuedCount === 1)
    second.abort()
    await client.until(() => client.fake.counters.cancelled === 1)
    expect((await client.ask(GENERATE, QWEN)).status).toBe(503)
    first.abort()
    await client.until(() => client.fake.queuedCount === 0)
    expect(client.fake.counters).toMatchObject({ loads: 1, abortedLoads: 1, cancelled: 2 })
    expect(client.fake.loaded).toEqual([])
    expect((await Promise.all([loading, waiting])).map(String)).toEqual(Array(2).fill(expect.stringMatching(/abort/i)))
  })

  test('answers beyond the slots of a runner wait in it, without a limit', async () => {
    await using client = await FakeOllamaClient.start({ maxQueue: 0, numParallel: 2, tokenDelayMs: 10 })
    await client.ask(GENERATE, LLAMA)
    const answers = Array.from({ length: 5 }, () => client.begin(GENERATE, { ...LLAMA, prompt: 'x' }))
    await client.until(() => client.fake.loaded[0]?.useCount === 5)
    await client.pass(2 * 640)
    expect(client.fake.loaded[0]?.useCount).toBe(1)
    await client.pass(640)
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  })
})

describe('eviction', () => {
  test('by the length of keep_alive, not by last use; forever is not pinned', async () => {
    await using client = await FakeOllamaClient.start({ maxLoadedModels: 2, unloadDelayMs: 0 })
    await client.ask(GENERATE, { ...SMALL, keep_alive: '1m' })
    await client.ask(GENERATE, { ...LLAMA, keep_alive: -1 })
    await client.ask(GENERATE, { ...SMALL, prompt: 'used last' })
    await client.ask(GENERATE, { ...QWEN, keep_alive: -1 })
    expect((await client.names()).toSorted()).toEqual(['llama3.2:1b', 'qwen3:0.6b'])
    await client.ask(GENERATE, { ...SMALL, keep_alive: 1 })
    expect(await client.names()).toHaveLength(2)
    expect(client.fake.counters).toMatchObject({ evictions: 2, reloads: 0 })
  })

  test('an idle one goes before a busy one that has less time', async () => {
    await using client = await FakeOllamaClient.start({ maxLoadedModels: 2, unloadDelayMs: 0, tokenDelayMs: 10 })
    const answer = client.begin(GENERATE, { ...SMALL, prompt: 'busy', keep_alive: 1 })
    await client.until(() => client.fake.loaded.length === 1)
    await client.ask(GENERATE, { ...LLAMA, keep_alive: -1 })
    await client.ask(GENERATE, QWEN)
    expect((await client.names()).toSorted()).toEqual(['qwen3:0.6b', 'smollm2:135m'])
    await client.pass(640)
    await answer
  })

  test('when it does not fit beside the others they go, and the memory is waited for', async () => {
    const memoryBytes = 1_600_000_000
    await using client = await FakeOllamaClient.start({ memoryBytes, unloadDelayMs: 0, freedMemoryLagMs: 3_000 })
    await client.ask(GENERATE, LLAMA)
    const other = client.begin(GENERATE, QWEN)
    await client.until(() => client.fake.loaded.length === 0)
    await client.pass(2_999)
    expect(client.fake.counters.loads).toBe(1)
    await client.pass(1)
    await client.through(other)
    expect(client.fake.counters).toMatchObject({ loads: 2, evictions: 1 })
  })

  test('memory that is not back after 5 s is waited for no longer', async () => {
    const options = { version: '0.17.4', memoryBytes: 1_600_000_000, unloadDelayMs: 0, freedMemoryLagMs: 60_000 }
    await using client = await FakeOllamaClient.start(options)
    await client.ask(GENERATE, LLAMA)
    const other = client.begin(GENERATE, QWEN)
    await client.until(() => client.fake.loaded.length === 0)
    await client.pass(5_000)
    expect((await client.through(other)).status).toBe(500)
  })

  test('from 0.30 on 80 % of what is free is the limit beside others', async () => {
    const memoryBytes = 1_455_300_416 + 992_415_751 / 0.9
    const beside = async (version: string): Promise<number> => {
      await using client = await FakeOllamaClient.start({ version, memoryBytes, unloadDelayMs: 0 })
      await client.ask(GENERATE, LLAMA)
      await client.ask(GENERATE, QWEN)
      return (await client.names()).length
    }
    expect([await beside('0.17.4'), await beside('0.33.0')]).toEqual([2, 1])
  })
})

describe('failed loads', () => {
  test('what never fits is a 500 in the words of the age', async () => {
    const error = async (version: string): Promise<unknown> => {
      await using client = await FakeOllamaClient.start({ version, memoryBytes: 2 ** 30 })
      const { status, json } = await client.ask(GENERATE, LLAMA)
      expect(status).toBe(500)
      return json['error']
    }
    expect(await error('0.17.4')).toBe('model requires more system memory (1.4 GiB) than is available (1.0 GiB)')
    expect(await error('0.33.0')).toMatch(/^llama-server process has terminated: /)
  })

  test('a text of one’s own, until it is taken out', async () => {
    await using client = await FakeOllamaClient.start()
    client.fake.knobs.loadFailures.set('llama3.2:1b', 'llama runner process has terminated: exit status 2')
    const { status, json } = await client.ask(GENERATE, LLAMA)
    expect([status, json]).toEqual([500, { error: 'llama runner process has terminated: exit status 2' }])
    expect(await client.names()).toEqual([])
    client.fake.knobs.loadFailures.clear()
    expect((await client.ask(GENERATE, LLAMA)).status).toBe(200)
    expect(client.fake.counters).toMatchObject({ loads: 2, failedLoads: 1 })
  })

  test.each([
    ['0.17.4', 'timed out waiting for llama runner to start - progress 0.50 - '],
    ['0.33.0', 'timed out waiting for llama-server to start - '],
  ])('%s: a load that takes too long', async (version, error) => {
    await using client = await FakeOllamaClient.start({ version, loadDelayMs: 400_000 })
    const load = client.begin(GENERATE, LLAMA)
    await client.until(() => client.fake.counters.loads === 1)
    await client.pass(300_000)
    expect(await load).toMatchObject({ status: 500, json: { error } })
  })

  test.each([
    ['0.17.4', 'llama runner process has terminated: signal: killed'],
    ['0.33.0', 'llama-server process has terminated: signal: killed'],
  ])('%s: a runner that dies while it loads', async (version, error) => {
    await using client = await FakeOllamaClient.start({ version, loadDelayMs: 1_000 })
    const load = client.begin(GENERATE, LLAMA)
    await client.until(() => client.fake.counters.loads === 1)
    client.fake.crashRunner('llama3.2:1b')
    expect(await client.through(load)).toMatchObject({ status: 500, json: { error } })
  })

  test('whoever waits for a load that fails loads by itself', async () => {
    await using client = await FakeOllamaClient.start({ loadDelayMs: 1_000 })
    client.fake.knobs.loadFailures.set('llama3.2:1b', 'once')
    const both = [client.begin(GENERATE, LLAMA), client.begin(GENERATE, LLAMA)]
    await client.until(() => client.fake.requests.length === 2 && client.fake.counters.loads === 1)
    await client.pass(1_000)
    client.fake.knobs.loadFailures.clear()
    await client.until(() => client.fake.counters.loads === 2)
    await client.pass(1_000)
    expect((await Promise.all(both)).map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 500])
  })
})
