import { describe, expect, test } from 'vitest'
import { FakeOllamaClient } from '../../../test/support/fake-ollama-client.ts'
import { schemaInstance } from '../answering/schema-instance.ts'

const GENERATE = '/api/generate'
const CHAT = '/api/chat'
const LLAMA = { model: 'llama3.2:1b' }
const QWEN = { model: 'qwen3:0.6b' }
const hello = { ...LLAMA, messages: [{ role: 'user', content: 'hello' }] }
const plain = { stream: false }
const TOOLS = [{ type: 'function', function: { name: 'measure', parameters: { type: 'object' } } }]

describe('streams', () => {
  test('are the default: a line a token, then one without text that has the metrics', async () => {
    await using client = await FakeOllamaClient.start({ loadDelayMs: 0 })
    const { type, lines } = await client.ask(CHAT, { ...hello, options: { num_predict: 3 } })
    expect(type).toBe('application/x-ndjson')
    const common = { model: 'llama3.2:1b', created_at: '2026-01-01T00:00:00.000Z' }
    const said = (content: string): object => ({ ...common, message: { role: 'assistant', content }, done: false })
    expect(lines).toEqual([
      said('You'),
      said(' said'),
      said(':'),
      {
        ...common,
        message: { role: 'assistant', content: '' },
        done: true,
        done_reason: 'length',
        total_duration: 4e6 + 3e7,
        prompt_eval_count: 4,
        prompt_eval_duration: 4e6,
        eval_count: 3,
        eval_duration: 3e7,
      },
    ])
  })

  test('stream: false is one document with the whole answer', async () => {
    await using client = await FakeOllamaClient.start({ answerTokens: 5 })
    const { type, lines } = await client.ask(GENERATE, { ...LLAMA, ...plain, prompt: 'hello' })
    expect(type).toBe('application/json; charset=utf-8')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatchObject({ response: 'You said: hello.', done: true, done_reason: 'stop' })
    const context = lines[0]?.['context'] as readonly number[]
    expect(context).toHaveLength(9)
    // The same word, asked and said.
    expect([new Set(context).size, context[7]]).toEqual([8, context[1]])
  })

  test('a context of before is put in front of a prompt', async () => {
    await using client = await FakeOllamaClient.start({ answerTokens: 5 })
    const first = (await client.ask(GENERATE, { ...LLAMA, prompt: 'hello' })).json
    const second = await client.ask(GENERATE, { ...LLAMA, prompt: 'hello', context: first['context'] })
    expect(second.json['prompt_eval_count']).toBe(9 + 4)
  })

  test('load_duration is all of the wait for a runner', async () => {
    await using client = await FakeOllamaClient.start({ loadDelayMs: 250 })
    const answer = client.begin(GENERATE, { ...LLAMA, prompt: 'x' })
    await client.until(() => client.fake.counters.loads === 1)
    await client.pass(250)
    expect((await client.through(answer)).json['load_duration']).toBe(250e6)
    expect((await client.ask(GENERATE, { ...LLAMA, prompt: 'x' })).json).not.toHaveProperty('load_duration')
  })
})

describe('counts', () => {
  test('prompt_eval_count is all of the prompt; what was cached shows only in its duration', async () => {
    await using client = await FakeOllamaClient.start()
    const ask = async (): Promise<unknown[]> => {
      const { json } = await client.ask(CHAT, hello)
      return [json['prompt_eval_count'], json['prompt_eval_duration']]
    }
    expect(await ask()).toEqual([4, 4e6])
    expect(await ask()).toEqual([4, 1e6])
    await client.ask(GENERATE, { ...LLAMA, keep_alive: 0 })
    await client.pass(1_000)
    expect(await ask()).toEqual([4, 4e6])
  })

  test('two slots keep two prompts, and the fitting one is taken', async () => {
    await using client = await FakeOllamaClient.start({ numParallel: 2, tokenDelayMs: 1 })
    const ask = (content: string) => client.begin(CHAT, { ...LLAMA, messages: [{ role: 'user', content }] })
    const both = Promise.all([ask('the first one'), ask('another')])
    await client.until(() => client.fake.loaded[0]?.useCount === 2)
    await client.pass(64)
    await both
    for (const content of ['another', 'the first one']) {
      const again = ask(content)
      await client.until(() => client.fake.loaded[0]?.useCount === 1)
      await client.pass(64)
      expect((await again).json['prompt_eval_duration']).toBe(1e6)
    }
  })
})

describe('ends', () => {
  test('num_predict is "length", the end of the text "stop"', async () => {
    await using client = await FakeOllamaClient.start()
    const short = await client.ask(CHAT, { ...hello, options: { num_predict: 2 } })
    expect(short.json).toMatchObject({ done_reason: 'length', eval_count: 2 })
    expect((await client.ask(CHAT, hello)).json).toMatchObject({ done_reason: 'stop', eval_count: 64 })
    const none = await client.ask(CHAT, { ...hello, options: { num_predict: 0 } })
    expect(none.json).toMatchObject({ done_reason: 'length' })
    expect(none.json).not.toHaveProperty('eval_count')
  })

  test('num_predict -1 is bounded by ten contexts', async () => {
    await using client = await FakeOllamaClient.start({ answerTokens: 1_000 })
    const { json } = await client.ask(CHAT, { ...hello, options: { num_ctx: 16, num_predict: -1 } })
    expect(json).toMatchObject({ done_reason: 'length', eval_count: 160 })
  })

  test('a stop string is never sent, not even its beginning', async () => {
    await using client = await FakeOllamaClient.start()
    const { lines } = await client.ask(GENERATE, { ...LLAMA, prompt: 'hello', options: { stop: ['d: hel', 'zzz'] } })
    expect(lines.map(({ response }) => response)).toEqual(['You', ' sai', ''])
    expect(lines.at(-1)).toMatchObject({ done_reason: 'stop', eval_count: 4 })
  })

  test('what only began like a stop string is sent after all', async () => {
    await using client = await FakeOllamaClient.start({ answerTokens: 5 })
    const options = { stop: ['said: hello!', '.?'] }
    const { lines } = await client.ask(GENERATE, { ...LLAMA, prompt: 'hello', options })
    expect(lines.map(({ response }) => response)).toEqual(['You', ' said: hello.', ''])
  })

  test('a full context shifts by half of what is not kept; shift: false ends with "length"', async () => {
    await using client = await FakeOllamaClient.start({ version: '0.17.4' })
    const asked = { ...hello, options: { num_ctx: 14, num_keep: 4 } }
    expect((await client.ask(CHAT, asked)).json).toMatchObject({ done_reason: 'stop', eval_count: 64 })
    expect(client.fake.counters.contextShifts).toBe(11)
    expect((await client.ask(CHAT, { ...asked, shift: false })).json).toMatchObject({
      done_reason: 'length',
      eval_count: 10,
    })
  })
})

describe('failures', () => {
  test('before the first token are a status, after it a line of the stream', async () => {
    await using client = await FakeOllamaClient.start()
    client.fake.knobs.runFailures.set('llama3.2:1b', { afterTokens: 0, text: 'CUDA error' })
    expect(await client.ask(CHAT, hello)).toMatchObject({ status: 500, json: { error: 'CUDA error' } })
    client.fake.knobs.runFailures.set('llama3.2:1b', { afterTokens: 2, text: 'CUDA error' })
    const { status, lines } = await client.ask(CHAT, hello)
    expect([status, lines.length, lines.at(-1)]).toEqual([200, 3, { error: 'CUDA error' }])
    expect(await client.ask(CHAT, { ...hello, ...plain })).toMatchObject({
      status: 500,
      lines: [{ error: 'CUDA error' }],
    })
  })

  test('a runner that dies ends its answers, those that wait for a slot too', async () => {
    await using client = await FakeOllamaClient.start({ tokenDelayMs: 10 })
    const answers = [client.begin(CHAT, hello), client.begin(CHAT, hello)]
    await client.until(() => client.fake.loaded[0]?.useCount === 2)
    await client.pass(35)
    client.fake.crashRunner('llama3.2:1b')
    const [first, second] = await client.through(Promise.all(answers))
    expect([first?.status, first?.lines.length, second?.status]).toEqual([200, 4, 500])
    expect(first?.json['error']).toMatch(/^model runner has unexpectedly stopped/)
  })

  test('a client that leaves aborts its answer and frees its slot', async () => {
    await using client = await FakeOllamaClient.start({ tokenDelayMs: 10 })
    const leaving = new AbortController()
    const answer = client.begin(CHAT, hello, { signal: leaving.signal }).catch(String)
    await client.until(() => client.fake.loaded[0]?.useCount === 1)
    const next = client.begin(CHAT, hello)
    await client.until(() => client.fake.loaded[0]?.useCount === 2)
    await client.pass(30)
    leaving.abort()
    expect(await client.through(answer)).toMatch(/abort/i)
    await client.until(() => client.fake.loaded[0]?.useCount === 1)
    await client.pass(640)
    expect((await next).json['done_reason']).toBe('stop')
    expect(client.fake.counters.cancelled).toBe(1)
  })
})

describe('forms of an answer', () => {
  test('format is JSON, or JSON by a schema', async () => {
    await using client = await FakeOllamaClient.start()
    const answer = async (format: unknown): Promise<unknown> => {
      const { json } = await client.ask(CHAT, { ...hello, ...plain, format })
      return JSON.parse((json['message'] as { content: string }).content)
    }
    expect(await answer('json')).toEqual({ answer: 'You said it.', count: 1 })
    const properties = { unit: { enum: ['m', 'kg'] }, count: { type: 'integer', minimum: 3 }, more: { type: 'array' } }
    expect(await answer({ type: 'object', properties })).toEqual({ unit: 'm', count: 3, more: [{}] })
    const wrong = await client.ask(CHAT, { ...hello, format: 'xml' })
    expect(wrong.json['error']).toBe('invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object')
    const elsewhere = await client.ask(CHAT, { ...hello, format: { $ref: 'https://example.com/schema' } })
    expect(elsewhere).toMatchObject({ status: 500, json: { error: 'invalid JSON schema in format' } })
  })

  test.each([
    [{ $ref: '#/$defs/a', $defs: { a: { const: 7 } } }, 7],
    [{ anyOf: [{ type: 'null' }, { type: 'string' }] }, null],
    [{ type: 'string', minLength: 6, maxLength: 6 }, 'text..'],
    [{ type: ['boolean', 'null'] }, true],
    [{ type: 'number', maximum: -2 }, -2],
    [{ type: 'array', items: { type: 'integer' }, minItems: 2 }, [1, 1]],
    [{ type: 'object', properties: { a: { $ref: '#' } } }, undefined],
    [{ type: 'date' }, undefined],
    [false, undefined],
  ])('the instance of %j is %j', (schema, instance) => {
    expect(schemaInstance(schema)).toEqual(instance)
  })

  test('tools are called when a knob says so, with arguments that are an object', async () => {
    await using client = await FakeOllamaClient.start()
    const asked = { ...hello, tools: TOOLS }
    expect((await client.ask(CHAT, asked)).lines.some((line) => JSON.stringify(line).includes('tool_calls'))).toBe(
      false,
    )
    client.fake.knobs.toolCalls = [{ name: 'measure', arguments: { count: 1 } }]
    const { lines } = await client.ask(CHAT, asked)
    const call = { id: 'call_fake0', function: { index: 0, name: 'measure', arguments: { count: 1 } } }
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatchObject({ message: { role: 'assistant', content: '', tool_calls: [call] }, done: false })
    expect(lines[1]).toMatchObject({ message: { content: '' }, done: true, done_reason: 'stop' })
    expect((await client.ask(CHAT, { ...asked, ...plain })).json).toMatchObject({ message: { tool_calls: [call] } })
    const cut = await client.ask(CHAT, { ...asked, ...plain, options: { num_predict: 2 } })
    expect(cut.json['message']).toEqual({ role: 'assistant', content: '' })
  })

  test('a model that thinks does so unless told not to, in a field of its own', async () => {
    await using client = await FakeOllamaClient.start({ thinkingText: 'Hm.', answerTokens: 5 })
    const chat = { ...QWEN, messages: hello.messages }
    const thought = { role: 'assistant', content: '', thinking: 'Hm' }
    expect((await client.ask(CHAT, chat)).lines[0]?.['message']).toEqual(thought)
    expect((await client.ask(CHAT, { ...chat, think: 'low' })).lines).toHaveLength(2 + 5 + 1)
    expect((await client.ask(CHAT, { ...chat, think: false })).lines[0]?.['message']).toEqual({
      role: 'assistant',
      content: 'You',
    })
    const generated = await client.ask(GENERATE, { ...QWEN, ...plain, prompt: 'hello' })
    expect(generated.json).toMatchObject({ thinking: 'Hm.', response: 'You said: hello.', eval_count: 7 })
  })

  test.each([
    ['0.17.4', 400],
    ['0.33.0', 200],
  ])('%s: to think "max" is %d', async (version, status) => {
    await using client = await FakeOllamaClient.start({ version })
    const reply = await client.ask(CHAT, { ...QWEN, messages: hello.messages, think: 'max' })
    expect(reply.status).toBe(status)
  })

  test('log probabilities are of each token, the most likely first', async () => {
    await using client = await FakeOllamaClient.start()
    const asked = { ...hello, ...plain, options: { num_predict: 2 } }
    expect((await client.ask(CHAT, asked)).json).not.toHaveProperty('logprobs')
    const { json } = await client.ask(CHAT, { ...asked, logprobs: true, top_logprobs: 2 })
    const token = { token: 'You', logprob: Math.log(0.5), bytes: [89, 111, 117] }
    const logprobs = json['logprobs'] as Record<string, unknown>[]
    expect(logprobs).toHaveLength(2)
    expect(logprobs[0]).toMatchObject({ ...token, top_logprobs: [token, { logprob: Math.log(0.25) }] })
    const { lines } = await client.ask(CHAT, { ...asked, stream: true, logprobs: true })
    expect(lines.map((line) => (line['logprobs'] as unknown[] | undefined)?.length)).toEqual([1, 1, undefined])
    expect(lines[0]?.['logprobs']).toEqual([token])
  })
})

describe('embeddings', () => {
  const embed = { model: 'nomic-embed-text' }

  test('are of length 1, in order, and equal for equal texts', async () => {
    await using client = await FakeOllamaClient.start()
    const { json } = await client.ask('/api/embed', { ...embed, input: ['one', 'one more', 'one'] })
    const vectors = json['embeddings'] as number[][]
    expect(vectors.map((vector) => vector.length)).toEqual([768, 768, 768])
    for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1)
    expect(vectors[0]).toEqual(vectors[2])
    expect(vectors[0]).not.toEqual(vectors[1])
    expect(json).toMatchObject({ model: 'nomic-embed-text', prompt_eval_count: 4 })
  })

  test.each([[[]], [''], [undefined]])('input %j loads and answers none', async (input) => {
    await using client = await FakeOllamaClient.start()
    const { json } = await client.ask('/api/embed', { ...embed, input })
    expect(json).toEqual({ model: 'nomic-embed-text', embeddings: [] })
    expect(await client.names()).toEqual(['nomic-embed-text:latest'])
  })

  test('what is no text is a 400; too long is cut, or a 400', async () => {
    await using client = await FakeOllamaClient.start()
    for (const input of [1, {}, [1], ['a', null]]) {
      expect(await client.ask('/api/embed', { ...embed, input })).toMatchObject({
        status: 400,
        json: { error: 'invalid input type' },
      })
    }
    const long = { ...embed, input: 'a b c d e f', options: { num_ctx: 4 } }
    expect((await client.ask('/api/embed', long)).json['prompt_eval_count']).toBe(4)
    expect(await client.ask('/api/embed', { ...long, truncate: false })).toMatchObject({
      status: 400,
      json: { error: 'the input length exceeds the context length' },
    })
  })

  test('dimensions, the older route, and a failure', async () => {
    await using client = await FakeOllamaClient.start()
    const [vector] = (await client.ask('/api/embed', { ...embed, input: 'a', dimensions: 8 })).json[
      'embeddings'
    ] as number[][]
    expect(vector).toHaveLength(8)
    expect((await client.ask('/api/embeddings', { ...embed, prompt: 'a' })).json['embedding']).toHaveLength(768)
    client.fake.knobs.runFailures.set('nomic-embed-text:latest', { afterTokens: 0, text: 'broken' })
    expect(await client.ask('/api/embed', { ...embed, input: 'a' })).toMatchObject({ status: 500 })
  })
})
