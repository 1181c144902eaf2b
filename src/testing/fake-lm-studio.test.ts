import { describe, expect, test } from 'vitest'
import { chatContent, type HttpReply, httpAsk } from '../../test/support/http-ask.ts'
import { FakeLmStudio, type FakeLmStudioOptions, readFlags } from './fake-lm-studio.ts'
import { VirtualClock } from './virtual-clock.ts'

type Json = Record<string, unknown>

const MISTRAL = 'mistral-7b'
const GRANITE = 'ibm/granite-4-micro'
const EMBEDDER = 'text-embedding-nomic-embed-text-v1.5'

/** An application on a clock of its own, and how to ask it. */
async function begin(options: FakeLmStudioOptions = {}): Promise<FakeLmStudio & { clock: VirtualClock }> {
  const clock = new VirtualClock(0)
  return Object.assign(await FakeLmStudio.start({ ...options, clock }), { clock })
}

/** Asks while the clock stands: what is due now happens. */
async function asked<T>(fake: { clock: VirtualClock }, work: Promise<T>): Promise<T> {
  const waiting = new Set([work])
  const over = work.finally(() => waiting.clear())
  while (waiting.size > 0) await fake.clock.advanceTo(fake.clock.nowMs())
  return over
}

type Fake = FakeLmStudio & { clock: VirtualClock }

function post(fake: Fake, path: string, body: Json): Promise<HttpReply> {
  return asked(fake, httpAsk(fake.url + path, body))
}

function get(fake: Fake, path: string): Promise<HttpReply> {
  return asked(fake, httpAsk(fake.url + path))
}

function chat(fake: Fake, model: string, more: Json = {}): Promise<HttpReply> {
  const messages = [{ role: 'user', content: 'hello' }]
  return post(fake, '/v1/chat/completions', { model, messages, temperature: 0, max_tokens: 4, ...more })
}

function load(fake: Fake, model: string, more: Json = {}): Promise<HttpReply> {
  return post(fake, '/api/v1/models/load', { model, ...more })
}

function ids(fake: FakeLmStudio): string[] {
  return fake.loaded.map(({ id }) => id)
}

describe('what it tells', () => {
  test('it greets, and says of every path it has not that all is well', async () => {
    await using fake = await begin()
    expect((await get(fake, '/lmstudio-greeting')).json).toEqual({ lmstudio: true })
    const unknown = { error: 'Unexpected endpoint or method. (GET /nowhere)' }
    expect(await get(fake, '/nowhere')).toMatchObject({ status: 200, json: unknown })
  })

  test('an old one has no /api/v1', async () => {
    await using fake = await begin({ version: '0.3.30' })
    const unknown = { error: 'Unexpected endpoint or method. (GET /api/v1/models)' }
    expect(await get(fake, '/api/v1/models')).toMatchObject({ status: 200, json: unknown })
    const { json } = await get(fake, `/api/v0/models/${encodeURIComponent(GRANITE)}`)
    expect(json).toMatchObject({ id: GRANITE, type: 'llm', state: 'not-loaded', quantization: 'Q4_K_M' })
    expect(json).not.toHaveProperty('loaded_context_length')
    await chat(fake, GRANITE)
    const { json: all } = await get(fake, '/api/v0/models')
    expect(all['data']).toContainEqual(
      expect.objectContaining({
        id: GRANITE,
        state: 'loaded',
        loaded_context_length: 4096,
        capabilities: ['tool_use'],
      }),
    )
  })

  test('/api/v1/models has all that is on disk, and instances of what is loaded', async () => {
    await using fake = await begin()
    await load(fake, MISTRAL, { context_length: 8192, flash_attention: false })
    const { json } = await get(fake, '/api/v1/models')
    const [mistral, granite, ...more] = json['models'] as Json[]
    expect(mistral).toMatchObject({ type: 'llm', key: MISTRAL, size_bytes: 4_368_439_584, max_context_length: 32_768 })
    expect(mistral?.['loaded_instances']).toEqual([
      {
        id: MISTRAL,
        config: {
          context_length: 8192,
          eval_batch_size: 512,
          parallel: 4,
          flash_attention: false,
          offload_kv_cache_to_gpu: true,
        },
      },
    ])
    expect(granite).toMatchObject({ loaded_instances: [], selected_variant: `${GRANITE}@q4_k_m` })
    expect(more.at(-1)).not.toHaveProperty('architecture')
  })

  test('a token that is asked for has to come with every request', async () => {
    await using fake = await begin({ apiToken: 'sk-lm-abcdefgh:12345678901234567890' })
    const refused = { status: 401, json: { error: { code: 'invalid_api_key', type: 'invalid_request' } } }
    expect(await get(fake, '/api/v1/models')).toMatchObject(refused)
    const ask = (token: string): Promise<HttpReply> => {
      const headers = { authorization: `Bearer ${token}` }
      return asked(fake, httpAsk(`${fake.url}/v1/models`, undefined, { headers }))
    }
    expect(await ask('22aac52a7199')).toMatchObject({
      status: 401,
      text: expect.stringContaining('Malformed LM Studio API token provided: 22aac52a71...') as string,
    })
    expect((await ask('sk-lm-abcdefgh:12345678901234567890')).status).toBe(200)
  })
})

describe('loading', () => {
  test('a second load of the same model is a second instance', async () => {
    await using fake = await begin()
    const first = await load(fake, MISTRAL, { echo_load_config: true })
    expect(first.json).toMatchObject({ instance_id: MISTRAL, status: 'loaded', load_config: { context_length: 4096 } })
    expect((await load(fake, MISTRAL)).json).toMatchObject({ instance_id: `${MISTRAL}:2` })
    expect(fake.counters).toMatchObject({ duplicates: 1, loads: new Map([[MISTRAL, 2]]) })
    const gone = await post(fake, '/api/v1/models/unload', { instance_id: MISTRAL })
    expect(gone).toMatchObject({ status: 200, json: { instance_id: MISTRAL } })
    expect(ids(fake)).toEqual([`${MISTRAL}:2`])
  })

  test('it is answered when the model is loaded, and goes on when nobody waits', async () => {
    await using fake = await begin({ loadDelayMs: 8000 })
    const reply = httpAsk(`${fake.url}/api/v1/models/load`, { model: MISTRAL })
    await expect.poll(() => fake.requests.length).toBe(1)
    await fake.clock.advanceTo(8000)
    expect((await reply).json).toMatchObject({ load_time_seconds: 8 })
    const leaving = new AbortController()
    const body = JSON.stringify({ model: GRANITE })
    const left = httpAsk(`${fake.url}/api/v1/models/load`, body, { signal: leaving.signal }).catch(() => 'left')
    await expect.poll(() => fake.requests.length).toBe(2)
    leaving.abort()
    expect(await left).toBe('left')
    await fake.clock.advanceTo(16_000)
    expect(ids(fake)).toEqual([MISTRAL, GRANITE])
  })

  test('a key that is not known is an error, and so is a model', async () => {
    await using fake = await begin()
    expect(await load(fake, MISTRAL, { ttl: 60, gpu: 1 })).toMatchObject({
      status: 400,
      json: { error: { code: 'unrecognized_keys', message: "Unrecognized key(s) in object: 'ttl', 'gpu'" } },
    })
    expect(await load(fake, `${MISTRAL}@q4_k_m`)).toMatchObject({
      status: 404,
      json: { error: { type: 'model_not_found', message: `Invalid model identifier "${MISTRAL}@q4_k_m"` } },
    })
    expect((await load(fake, MISTRAL, { context_length: 'long' })).status).toBe(400)
    expect((await post(fake, '/api/v1/models/unload', { model: MISTRAL })).status).toBe(400)
    expect((await post(fake, '/api/v1/models/unload', { instance_id: MISTRAL })).status).toBe(404)
  })

  test('a guardrail refuses what is too much, a broken file fails', async () => {
    await using fake = await begin({ guardrailLimitBytes: 5e9, loadFailures: new Map([[GRANITE, 'Bad file.']]) })
    await load(fake, MISTRAL, { context_length: 1024 })
    const refused = await load(fake, MISTRAL, { context_length: 1024 })
    expect(refused).toMatchObject({ status: 500, json: { error: { type: 'model_load_failed' } } })
    expect(refused.text).toContain('requires approximately 4.50 GB of memory')
    fake.knobs.loadFailureStatus = 400
    expect(await load(fake, GRANITE)).toMatchObject({ status: 400 })
    fake.manualUnload(MISTRAL)
    expect(await chat(fake, GRANITE)).toMatchObject({
      status: 400,
      json: { error: { message: `Failed to load model "${GRANITE}". Error: Bad file.` } },
    })
    expect([ids(fake), fake.counters.failedLoads]).toEqual([[], 3])
  })
})

describe('who answers', () => {
  test('a request loads its model, and whatever another one loaded goes; loaded by hand it stays', async () => {
    await using fake = await begin()
    await fake.clock.advanceTo(1)
    await load(fake, MISTRAL)
    expect((await chat(fake, GRANITE)).json).toMatchObject({ model: GRANITE, system_fingerprint: GRANITE })
    await chat(fake, 'qwen2.5-vl-3b')
    expect(ids(fake)).toEqual([MISTRAL, 'qwen2.5-vl-3b'])
    expect(fake.counters).toMatchObject({ evictions: 1, jitLoads: 2 })
    fake.knobs.isAutoEvicting = false
    await chat(fake, GRANITE)
    expect(ids(fake)).toEqual([MISTRAL, 'qwen2.5-vl-3b', GRANITE])
  })

  test('a model that a request loaded goes when its time is over, which begins anew with each', async () => {
    await using fake = await begin()
    await chat(fake, GRANITE, { ttl: 60 })
    await fake.clock.advanceTo(50_000)
    await chat(fake, GRANITE, { ttl: 5 })
    await fake.clock.advanceTo(109_000)
    expect(ids(fake)).toEqual([GRANITE])
    await fake.clock.advanceTo(110_000)
    expect(ids(fake)).toEqual([])
    await chat(fake, GRANITE, { ttl: 'abc' })
    await fake.clock.advanceTo(110_000 + 3_599_000)
    expect(ids(fake)).toEqual([GRANITE])
    await fake.clock.advanceTo(110_000 + 3_600_000)
    expect(fake.counters.expirations).toBe(2)
  })

  test('the only one that is loaded answers for a name that nobody knows', async () => {
    await using fake = await begin()
    const id = await asked(fake, fake.manualLoad(MISTRAL))
    expect((await chat(fake, 'not-a-model')).json).toMatchObject({ model: id })
    expect((await chat(fake, MISTRAL.toUpperCase())).json).toMatchObject({ model: id })
    expect(fake.counters.substitutions).toBe(1)
    await asked(fake, fake.manualLoad(GRANITE))
    expect(await chat(fake, 'not-a-model')).toMatchObject({
      status: 400,
      json: { error: { code: 'model_not_found', param: 'model' } },
    })
  })

  test('without JIT only what is loaded is listed, and nothing is loaded for a request', async () => {
    await using fake = await begin({ isJit: false })
    expect((await get(fake, '/v1/models')).json).toEqual({ object: 'list', data: [] })
    expect(await chat(fake, MISTRAL)).toMatchObject({
      status: 404,
      text: expect.stringMatching(/^{"error":{"message":"No models/) as string,
    })
    await asked(fake, fake.manualLoad(GRANITE))
    expect((await chat(fake, MISTRAL)).json).toMatchObject({ model: GRANITE })
    expect((await get(fake, '/v1/models')).json['data']).toMatchObject([{ id: GRANITE }])
  })

  test.each([
    [true, [MISTRAL, `${MISTRAL}:2`]],
    [false, [MISTRAL]],
  ])('two first requests at once load twice when they race: %s', async (isJitRacing, loaded) => {
    await using fake = await begin({ isJitRacing, loadDelayMs: 100 })
    const body = { model: MISTRAL, messages: [{ role: 'user', content: 'x' }], max_tokens: 1 }
    const answers = [1, 2].map(() => httpAsk(`${fake.url}/v1/chat/completions`, body))
    await expect.poll(() => fake.requests.length).toBe(2)
    await fake.clock.advanceTo(100)
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200])
    expect(ids(fake)).toEqual(loaded)
  })
})

describe('answers', () => {
  test('whole and streamed they are the same, and nobody tells of what was cached', async () => {
    await using fake = await begin()
    const whole = await chat(fake, MISTRAL)
    expect(chatContent(whole)).toBe('You said: hello')
    const message = { role: 'assistant', content: 'You said: hello', reasoning_content: '', tool_calls: [] }
    expect(whole.json).toMatchObject({ choices: [{ message, finish_reason: 'length' }], stats: {} })
    expect(whole.json['usage']).not.toHaveProperty('prompt_tokens_details')
    const stream = await chat(fake, MISTRAL, { stream: true, stream_options: { include_usage: true } })
    expect([chatContent(stream), stream.isDone]).toEqual(['You said: hello', true])
    expect(stream.json).toMatchObject({ choices: [], usage: { completion_tokens: 4 } })
    const text = await post(fake, '/v1/completions', { model: MISTRAL, prompt: 'Once', max_tokens: 2, temperature: 0 })
    expect(text.json).toMatchObject({ choices: [{ text: 'You said' }] })
  })

  test('tools are called when they have to be, and cannot be named', async () => {
    await using fake = await begin()
    const tools = [{ type: 'function', function: { name: 'stop' } }]
    const called = await chat(fake, MISTRAL, { tools, tool_choice: 'required', max_tokens: 99 })
    const call = { type: 'function', function: { name: 'stop', arguments: '{}' } }
    expect(called.json).toMatchObject({ choices: [{ finish_reason: 'tool_calls', message: { tool_calls: [call] } }] })
    const named = await chat(fake, MISTRAL, { tools, tool_choice: { type: 'function', function: { name: 'stop' } } })
    expect(named.json['error']).toBe(
      "Invalid tool_choice type: 'object'. Supported string values: none, auto, required",
    )
  })

  test('a prompt that does not fit is a text as an error, and within a stream an event or nothing', async () => {
    await using fake = await begin({ contextTokens: 4 })
    const tooLong = expect.stringMatching(/^The number of tokens to keep/) as string
    expect(await chat(fake, MISTRAL)).toMatchObject({ status: 400, json: { error: tooLong } })
    const event = await chat(fake, MISTRAL, { stream: true })
    expect(event).toMatchObject({ status: 200, isDone: false, json: { error: { message: tooLong } } })
    fake.knobs.overflowStream = 'empty'
    expect(await chat(fake, MISTRAL, { stream: true })).toMatchObject({ status: 200, text: '' })
  })

  test('texts are embedded, cut without a word, and not counted', async () => {
    await using fake = await begin({ contextTokens: 2 })
    const { json } = await post(fake, '/v1/embeddings', { model: EMBEDDER, input: ['one two', 'one two three', 'one'] })
    const [first, second, third] = (json['data'] as { embedding: number[] }[]).map(({ embedding }) => embedding)
    expect(first).toEqual(second)
    expect(first).not.toEqual(third)
    expect(json).toMatchObject({ model: EMBEDDER, usage: { prompt_tokens: 0 } })
  })

  test.each(['manualUnload', 'crash'] as const)(
    'a %s in the middle of an answer ends it with an error',
    async (end) => {
      await using fake = await begin({ tokenDelayMs: 100 })
      const answer = httpAsk(`${fake.url}/v1/chat/completions`, {
        model: MISTRAL,
        messages: [{ role: 'user', content: 'x' }],
        stream: true,
      })
      await expect
        .poll(async () => {
          await fake.clock.advanceTo(fake.clock.nowMs())
          return fake.loaded[0]?.busyCount
        })
        .toBe(1)
      await fake.clock.advanceTo(fake.clock.nowMs() + 150)
      expect(fake[end](MISTRAL)).toBe(true)
      const { isDone, json } = await answer
      const message = end === 'crash' ? /^The model has crashed/ : /^Model unloaded/
      expect({ isDone, json }).toEqual({
        isDone: false,
        json: { error: { message: expect.stringMatching(message) as string } },
      })
      expect([ids(fake), fake[end](MISTRAL)]).toEqual([[], false])
    },
  )

  test('a client that leaves frees its place', async () => {
    await using fake = await begin({ tokenDelayMs: 100, parallel: 1 })
    await load(fake, MISTRAL)
    const leaving = new AbortController()
    const body = JSON.stringify({ model: MISTRAL, messages: [{ role: 'user', content: 'x' }], stream: true })
    const left = httpAsk(`${fake.url}/v1/chat/completions`, body, { signal: leaving.signal }).catch(() => 'left')
    await expect.poll(() => fake.loaded[0]?.busyCount).toBe(1)
    leaving.abort()
    expect(await left).toBe('left')
    await expect.poll(() => fake.loaded[0]?.busyCount).toBe(0)
    expect(fake.counters.cancelled).toBe(1)
  })
})

test('flags become options', () => {
  const flags = ['--port', '7', '--no-jit', '--load-delay', '20', '--load-failure', 'a=b c', '--version', '0.3.30']
  expect(readFlags(flags)).toEqual({
    port: 7,
    version: '0.3.30',
    isJit: false,
    loadDelayMs: 20,
    loadFailures: new Map([['a', 'b c']]),
  })
  expect(() => readFlags(['--load-delay', 'soon'])).toThrow('--load-delay is a whole number')
})
