import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { FakeOllamaClient } from '../../test/support/fake-ollama-client.ts'
import { FakeOllama, readFlags } from './fake-ollama.ts'
import { DEFAULT_MODELS, fullName, shortName } from './ollama/models.ts'

const GENERATE = '/api/generate'
const CHAT = '/api/chat'

describe('what is read', () => {
  test('/ says that it runs, /api/version which it is', async () => {
    await using client = await FakeOllamaClient.start({ version: '0.17.4' })
    expect(await client.ask('/')).toMatchObject({ status: 200, text: 'Ollama is running' })
    expect((await client.ask('/api/version')).json).toEqual({ version: '0.17.4' })
    for (const path of ['/', '/api/tags']) {
      expect(await client.ask(path, undefined, { method: 'HEAD' })).toMatchObject({ status: 200, text: '' })
    }
  })

  test('/api/tags tells more from 0.30 on, and of cloud models where they are', async () => {
    const tags = async (version: string): Promise<Record<string, unknown>[]> => {
      await using client = await FakeOllamaClient.start({ version })
      return (await client.ask('/api/tags')).json['models'] as Record<string, unknown>[]
    }
    const [before] = await tags('0.17.4')
    expect(Object.keys(before ?? {})).toEqual(['name', 'model', 'modified_at', 'size', 'digest', 'details'])
    expect(before?.['details']).not.toHaveProperty('context_length')
    const after = await tags('0.33.0')
    expect(after).toHaveLength(DEFAULT_MODELS.length)
    expect(after[0]).toMatchObject({
      name: 'llama3.2:1b',
      size: 1_321_082_688,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      details: { format: 'gguf', family: 'llama', context_length: 131_072, embedding_length: 2_048 },
      capabilities: ['completion', 'tools'],
    })
    expect(after.at(-1)).toMatchObject({ remote_model: 'gpt-oss:120b', remote_host: 'https://ollama.com:443' })
  })

  test('/api/show tells what an estimate of the KV cache needs', async () => {
    const models = DEFAULT_MODELS.map((model) => ({ ...model, parameters: { num_ctx: 99, stop: ['a', 'b'] } }))
    await using client = await FakeOllamaClient.start({ models })
    const { json } = await client.ask('/api/show', { model: 'qwen3:0.6b' })
    expect(json['model_info']).toEqual({
      'general.architecture': 'qwen3',
      'general.parameter_count': 522_653_767,
      'qwen3.context_length': 40_960,
      'qwen3.block_count': 28,
      'qwen3.embedding_length': 1_024,
      'qwen3.attention.head_count': 16,
      'qwen3.attention.head_count_kv': 8,
    })
    expect(json['capabilities']).toEqual(['completion', 'tools', 'thinking'])
    expect(json['parameters']).toMatch(/^num_ctx +99\nstop +"a"\nstop +"b"$/)
    expect(json).not.toHaveProperty('tensors')
    expect((await client.ask('/api/show', { name: 'qwen3:0.6b', verbose: true })).json).toHaveProperty('tensors')
    expect(await client.ask('/api/show', {})).toMatchObject({ status: 400, json: { error: 'model is required' } })
  })

  test('/api/ps tells sizes, the part on GPUs, and the context', async () => {
    await using client = await FakeOllamaClient.start({ vramBytes: 24 * 2 ** 30 })
    await client.ask(GENERATE, { model: 'llama3.2:1b', options: { num_ctx: 1_000, num_gpu: 17 } })
    const sizeBytes = 1_321_082_688 + 1_000 * 32_768
    const whole = { size: sizeBytes, size_vram: sizeBytes, context_length: 1_000 }
    expect((await client.models())[0]).toMatchObject(whole)
    await client.ask(GENERATE, { model: 'smollm2:135m', options: { num_gpu: 0 }, keep_alive: 1 })
    expect((await client.models())[1]).toMatchObject({ name: 'smollm2:135m', size_vram: 0, context_length: 8_192 })
  })

  test('slots take a KV cache each; a size that nobody told is that of the file, from 0.30 on', async () => {
    const models = DEFAULT_MODELS.map((model) => ({ ...model, isSizeUnknown: true }))
    const sizes = async (version: string): Promise<unknown[]> => {
      await using client = await FakeOllamaClient.start({ version, models, numParallel: 2 })
      await client.ask(GENERATE, { model: 'llama3.2:1b', options: { num_ctx: 1_000 } })
      const [shown] = await client.models()
      return [shown?.['size'], shown?.['size_vram']]
    }
    expect(await sizes('0.17.4')).toEqual([1_321_082_688 + 2_000 * 32_768, 0])
    expect(await sizes('0.33.0')).toEqual([1_321_082_688, 1_321_082_688])
  })

  test('sizes of one’s own', async () => {
    const models = DEFAULT_MODELS.map((model) => ({ ...model, sizeBytes: 500, sizeVramBytes: 200 }))
    await using client = await FakeOllamaClient.start({ models })
    await client.ask(GENERATE, { model: 'llama3.2:1b' })
    expect((await client.models())[0]).toMatchObject({ size: 500, size_vram: 200 })
    expect(client.fake.usedBytes).toBe(500)
  })
})

describe('errors', () => {
  const model = 'llama3.2:1b'

  test.each([
    [GENERATE, '', 400, 'missing request body'],
    [CHAT, '{"model":', 400, 'unexpected EOF'],
    [CHAT, 'x', 400, "invalid character 'x' looking for beginning of value"],
    [CHAT, '[]', 400, 'json: cannot unmarshal array into Go value of type api.ChatRequest'],
    [GENERATE, { model: 'none', prompt: 'x' }, 404, "model 'none' not found"],
    [GENERATE, { prompt: 'x' }, 404, "model '' not found"],
    [CHAT, { model: 'none:1b', messages: [] }, 404, "model 'none:1b' not found"],
    [CHAT, { messages: [] }, 400, 'model is required'],
    ['/api/show', { model: 'none' }, 404, "model 'none' not found"],
    ['/api/embed', { model: 'none' }, 404, "model 'none' not found"],
    [GENERATE, { model: 'none', keep_alive: 0 }, 404, "model 'none' not found"],
    [GENERATE, { model, keep_alive: '300' }, 400, 'time: missing unit in duration "300"'],
    [GENERATE, { model, keep_alive: true }, 400, "Unsupported type: 'bool'"],
    [GENERATE, { model, options: { num_ctx: '1' } }, 400, 'option "num_ctx" must be of type integer'],
    [GENERATE, { model: 'nomic-embed-text', prompt: 'x' }, 400, '"nomic-embed-text" does not support generate'],
    [CHAT, { model: 'nomic-embed-text', messages: [] }, 400, '"nomic-embed-text" does not support chat'],
    [CHAT, { model, messages: [], think: true }, 400, '"llama3.2:1b" does not support thinking'],
    [
      CHAT,
      { model: 'smollm2:135m', messages: [], tools: [{ type: 'function', function: { name: 'f' } }] },
      400,
      'registry.ollama.ai/library/smollm2:135m does not support tools',
    ],
    [
      GENERATE,
      { model, prompt: 'x', suffix: 'y' },
      400,
      'registry.ollama.ai/library/llama3.2:1b does not support insert',
    ],
    [
      CHAT,
      { model, messages: [{ role: 'user', images: ['AAAA'] }] },
      400,
      'registry.ollama.ai/library/llama3.2:1b does not support vision',
    ],
    [
      GENERATE,
      { model, prompt: 'x', raw: true, system: 's' },
      400,
      'raw mode does not support template, system, or context',
    ],
    [GENERATE, { model, prompt: 'x', top_logprobs: 21 }, 400, 'top_logprobs must be between 0 and 20'],
    [CHAT, { model, messages: [], top_logprobs: -1 }, 400, 'top_logprobs must be between 0 and 20'],
    [CHAT, { model: 'gpt-oss:120b-cloud', messages: [] }, 401, 'unauthorized'],
    [
      CHAT,
      { model, messages: [], think: 'much' },
      400,
      'invalid think value: "much" (must be "high", "medium", "low", true, or false)',
    ],
  ])('%s %j is %d %s', async (path, body, status, error) => {
    await using client = await FakeOllamaClient.start()
    const reply = await client.ask(path, body)
    expect([reply.status, reply.json['error']]).toEqual([status, error])
    expect(client.fake.counters.loads).toBe(0)
  })

  test.each([
    [{ model: 1 }, 'number into Go struct field ChatRequest.model of type string'],
    [{ stream: 'yes' }, 'string into Go struct field ChatRequest.stream of type bool'],
    [{ options: [] }, 'array into Go struct field ChatRequest.options of type map[string]interface {}'],
    [{ top_logprobs: 1.5 }, 'number into Go struct field ChatRequest.top_logprobs of type int'],
    [{ messages: {} }, 'object into Go struct field ChatRequest.messages of type []api.Message'],
    [{ messages: ['x'] }, 'string into Go struct field ChatRequest.messages of type api.Message'],
    [{ messages: [{ content: [] }] }, 'array into Go struct field ChatRequest.messages.content of type string'],
    [
      { messages: [{ tool_calls: [{ function: { name: 'f', arguments: '{}' } }] }] },
      'string into Go struct field ChatRequest.messages.tool_calls.function.arguments of type api.ToolCallFunctionArguments',
    ],
    [
      { tools: [{ type: 'function' }] },
      'null into Go struct field ChatRequest.tools.function of type api.ToolFunction',
    ],
  ])('a chat with %j is a 400 in Go’s words', async (field, error) => {
    await using client = await FakeOllamaClient.start()
    const reply = await client.ask(CHAT, { model, messages: [], ...field })
    expect([reply.status, reply.json['error']]).toEqual([400, `json: cannot unmarshal ${error}`])
  })

  test('images are base64', async () => {
    await using client = await FakeOllamaClient.start()
    const { json } = await client.ask(GENERATE, { model, prompt: 'x', images: ['AA!A'] })
    expect(json['error']).toBe('illegal base64 data at input byte 2')
  })

  test('unknown fields are ignored, and null is not said', async () => {
    await using client = await FakeOllamaClient.start()
    const reply = await client.ask(GENERATE, { model, prompt: null, keep_alive: null, options: null, hello: 1 })
    expect(reply.json['done_reason']).toBe('load')
  })

  test('a wrong method is 405, a wrong path 404, a route that only the fake lacks 501', async () => {
    await using client = await FakeOllamaClient.start()
    expect(await client.ask(GENERATE)).toMatchObject({ status: 405, text: '405 method not allowed' })
    expect(await client.ask('/', {})).toMatchObject({ status: 405 })
    expect(await client.ask('/api/nothing')).toMatchObject({ status: 404, text: '404 page not found' })
    expect(await client.ask('/v1/chat/completions', {})).toMatchObject({ status: 501 })
  })

  test.each([
    ['localhost:1', 200],
    ['box.local', 200],
    ['192.168.1.2', 200],
    ['[::1]:11434', 200],
    ['8.8.8.8', 403],
    ['evil.example', 403],
  ])('the Host %s is %d', async (host, status) => {
    await using client = await FakeOllamaClient.start()
    const answered = new Promise<number | undefined>((resolve, reject) => {
      const asked = request(client.fake.url, { headers: { host } }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      asked.on('error', reject).end()
    })
    expect(await answered).toBe(status)
  })
})

describe('the server', () => {
  test('names are found without a tag, with the host, in either case', async () => {
    await using client = await FakeOllamaClient.start()
    for (const name of ['twin', 'twin:latest', 'registry.ollama.ai/library/twin', 'library/Twin']) {
      const { json } = await client.ask(GENERATE, { model: name })
      expect([json['model'], json['done_reason']]).toEqual([name, 'load'])
    }
    expect(await client.names()).toEqual(['twin:latest'])
    expect(shortName('hf.co/a/b')).toBe('hf.co/a/b:latest')
    expect(['a', 'me/a:1', 'hf.co/a/b:Q4'].map(fullName)).toEqual([
      'registry.ollama.ai/library/a:latest',
      'registry.ollama.ai/me/a:1',
      'hf.co/a/b:Q4',
    ])
  })

  test('remembers what it was asked', async () => {
    await using client = await FakeOllamaClient.start()
    await client.ask('/api/ps')
    await client.ask(GENERATE, 'not JSON')
    await client.ask(GENERATE, { model: 'twin' })
    expect(client.fake.requests).toEqual([
      { method: 'GET', path: '/api/ps', body: undefined },
      { method: 'POST', path: GENERATE, body: 'not JSON' },
      { method: 'POST', path: GENERATE, body: { model: 'twin' } },
    ])
  })

  test('stopped, it breaks what is under way and refuses what comes; another one can take its port', async () => {
    const client = await FakeOllamaClient.start({ tokenDelayMs: 10 })
    const { fake } = client
    const answer = client.begin(GENERATE, { model: 'twin', prompt: 'x' }).catch((error: unknown) => error)
    const queued = client.begin(GENERATE, { model: 'twin', options: { num_ctx: 9 } }).catch((error: unknown) => error)
    await client.until(() => fake.counters.reloads === 1)
    await client.pass(30)
    await fake.stop()
    expect(await answer).toBeInstanceOf(TypeError)
    expect(await queued).toBeInstanceOf(TypeError)
    expect(await client.begin('/').catch((error: unknown) => error)).toMatchObject({
      cause: { code: 'ECONNREFUSED' },
    })
    expect(fake.loaded).toEqual([])
    await using again = await FakeOllama.start({ port: fake.port })
    expect(again.url).toBe(fake.url)
    expect(await (await fetch(again.url)).text()).toBe('Ollama is running')
  })

  test('works in real time', async () => {
    await using fake = await FakeOllama.start({ loadDelayMs: 20, tokenDelayMs: 1, answerTokens: 3 })
    const body = JSON.stringify({ model: 'twin', prompt: 'x', stream: false })
    const reply = (await (await fetch(fake.url + GENERATE, { method: 'POST', body })).json()) as Record<string, unknown>
    expect(reply).toMatchObject({ response: 'You said:', done: true })
    expect(reply['load_duration']).toBeGreaterThan(0)
  })
})

describe('flags', () => {
  test('are knobs', () => {
    const written = '--port 1 --version 0.17.4 --load-delay 1.5s --keep-alive -1m --max-queue 0 --vram-bytes 9'
    const options = readFlags([...written.replace('--keep-alive -1m', '--keep-alive=-1m').split(' ')])
    expect(options).toMatchObject({
      port: 1,
      version: '0.17.4',
      loadDelayMs: 1_500,
      keepAliveMs: Infinity,
      maxQueue: 0,
      vramBytes: 9,
    })
    expect(options).not.toHaveProperty('tokenDelayMs')
    const faults = readFlags(['--load-failure', 'a:1=x=y', '--run-failure', 'b=3:z', '--tool-call', 'f={"a":1}'])
    expect(faults.loadFailures).toEqual(new Map([['a:1', 'x=y']]))
    expect(faults.runFailures).toEqual(new Map([['b', { afterTokens: 3, text: 'z' }]]))
    expect(faults.toolCalls).toEqual([{ name: 'f', arguments: { a: 1 } }])
  })

  test.each([
    [['--max-queue', 'many'], "--max-queue is a whole number, not 'many'"],
    [['--load-delay', '5'], 'time: missing unit in duration "5"'],
    [['--load-failure', 'x'], "--load-failure has the form name=value, not 'x'"],
    [['--run-failure', 'x=y'], '--run-failure has the form model=3:text'],
    [['--unknown'], "Unknown option '--unknown'"],
  ])('%j is refused', (args, text) => {
    expect(() => readFlags(args)).toThrow(text)
  })
})
