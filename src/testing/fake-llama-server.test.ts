import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { chatContent, httpAsk } from '../../test/support/http-ask.ts'
import { chat, LlamaGround, usageOf } from '../../test/support/llama-ground.ts'
import { VirtualClock } from './virtual-clock.ts'

const SCHEMA = {
  type: 'object',
  properties: { unit: { enum: ['m', 'kg'] }, count: { type: 'integer', minimum: 0 } },
  required: ['unit', 'count'],
}
const TOOLS = [
  { type: 'function', function: { name: 'measure', parameters: SCHEMA } },
  { type: 'function', function: { name: 'stop' } },
]

describe('what it tells of itself', () => {
  test('nothing is served while the model is loaded, and every path says so', async () => {
    await using ground = await LlamaGround.make()
    const clock = new VirtualClock(0)
    const server = await ground.start([], { clock, loadDelayMs: 1000 })
    const loading = { error: { code: 503, message: 'Loading model', type: 'unavailable_error' } }
    expect(await httpAsk(`${server.url}/health`)).toMatchObject({ status: 503, json: loading })
    expect(await httpAsk(`${server.url}/props`)).toMatchObject({ status: 503, json: loading })
    await clock.advanceTo(1000)
    await server.loaded
    expect(await httpAsk(`${server.url}/health`)).toMatchObject({ status: 200, json: { status: 'ok' } })
  })

  test('/props tells slots and the context of each, as llama.cpp cuts it', async () => {
    await using ground = await LlamaGround.make()
    const props = async (...args: string[]): Promise<unknown[]> => {
      const server = await ground.start(args)
      const { json } = await httpAsk(`${server.url}/props`)
      return [json['total_slots'], (json['default_generation_settings'] as Record<string, unknown>)['n_ctx']]
    }
    expect(await props('-c', '4096', '-np', '2')).toEqual([2, 2048])
    expect(await props('-c', '4096')).toEqual([4, 4096])
    expect(await props('-c', '1000', '-np', '1', '--unheard-of', '7', '--mlock')).toEqual([1, 1024])
    expect(await props('-c', '100000', '-np', '2', '-kvu')).toEqual([2, 8192])
    expect(await props('-np', '1')).toEqual([1, 8192])
  })

  test('a key is asked for on every path but health', async () => {
    await using ground = await LlamaGround.make()
    const { url } = await ground.start(['--api-key', 'one,two'])
    expect((await httpAsk(`${url}/health`)).status).toBe(200)
    const refused = { status: 401, json: { error: { type: 'authentication_error', message: 'Invalid API Key' } } }
    expect(await httpAsk(`${url}/v1/models`)).toMatchObject(refused)
    const headers = { authorization: 'Bearer two' }
    expect((await httpAsk(`${url}/v1/models`, undefined, { headers })).status).toBe(200)
  })

  test('tokens can be counted before they are served, when the first mark is counted too', async () => {
    await using ground = await LlamaGround.make()
    const server = await ground.start()
    const messages = [{ role: 'user', content: 'how many are these?' }]
    const { json: rendered } = await httpAsk(`${server.url}/apply-template`, { messages })
    const body = { content: rendered['prompt'] }
    const count = async (more: object): Promise<number> =>
      ((await httpAsk(`${server.url}/tokenize`, { ...body, ...more })).json['tokens'] as unknown[]).length
    const served = usageOf(await chat(server, 'how many are these?', { max_tokens: 1 })).prompt
    expect([await count({}), await count({ add_special: true })]).toEqual([served - 1, served])
    const { json } = await httpAsk(`${server.url}/v1/chat/completions/input_tokens`, { messages })
    expect(json['input_tokens']).toBe(served)
  })
})

describe('answers', () => {
  test('the same greedy request gets the same answer; another seed says it in other words', async () => {
    await using ground = await LlamaGround.make()
    const server = await ground.start()
    const said = async (more: object): Promise<string> =>
      chatContent(await chat(server, 'repeat this', { max_tokens: 12, ...more }))
    const [first, again] = [await said({}), await said({})]
    expect([first, again]).toEqual(Array.from({ length: 2 }, () => 'You said: repeat this. You said: repeat this.'))
    expect(await said({ temperature: 1, seed: 1 })).toBe(await said({ temperature: 1, seed: 1 }))
    expect(await said({ temperature: 1, seed: 1 })).not.toBe(first)
  })

  test('a stream is the same text, its counts come last and only when asked for', async () => {
    await using ground = await LlamaGround.make()
    const server = await ground.start()
    const whole = await chat(server, 'hello', { max_tokens: 8 })
    const stream = await chat(server, 'hello', { max_tokens: 8, stream: true, stream_options: { include_usage: true } })
    expect(chatContent(stream)).toBe(chatContent(whole))
    expect(stream.isDone).toBe(true)
    expect(stream.events[0]).toMatchObject({ choices: [{ delta: { role: 'assistant', content: null } }] })
    expect(stream.events.at(-2)).toMatchObject({ choices: [{ finish_reason: 'length', delta: {} }] })
    expect(stream.json).toMatchObject({ choices: [], usage: { completion_tokens: 8 }, timings: { predicted_n: 8 } })
    const plain = await chat(server, 'hello', { max_tokens: 8, stream: true })
    expect(plain.json).toMatchObject({ choices: [{ finish_reason: 'length' }], timings: { predicted_n: 8 } })
    expect(plain.json).not.toHaveProperty('usage')
  })

  test('an answer that ends by itself counts the token that ends it', async () => {
    await using ground = await LlamaGround.make()
    const server = await ground.start([], { answerTokens: 5 })
    const reply = await chat(server, 'hello')
    expect(usageOf(reply).answer).toBe(6)
    expect(reply.json).toMatchObject({ choices: [{ finish_reason: 'stop' }] })
    const endless = await chat(server, 'hello', { ignore_eos: true, max_tokens: 20 })
    expect(usageOf(endless).answer).toBe(20)
  })

  test('a stop string is never sent, not even its beginning', async () => {
    await using ground = await LlamaGround.make()
    const server = await ground.start()
    const stream = await chat(server, 'one two', { stream: true, stop: ['said: one three', 'e two'] })
    expect(chatContent(stream)).toBe('You said: on')
    expect(stream.json).toMatchObject({ choices: [{ finish_reason: 'stop' }] })
  })

  test('a prompt that does not fit is refused before a stream begins, and an answer ends at the context', async () => {
    await using ground = await LlamaGround.make()
    const server = await ground.start(['-c', '256', '-np', '1'])
    const long = await chat(server, 'word '.repeat(300).trim(), { stream: true })
    expect(long.status).toBe(400)
    expect(long.json['error']).toMatchObject({ type: 'exceed_context_size_error', n_prompt_tokens: 304, n_ctx: 256 })
    const full = await chat(server, 'hello', { ignore_eos: true })
    expect(full.json).toMatchObject({ choices: [{ finish_reason: 'length' }], usage: { total_tokens: 256 } })
  })

  test('JSON keeps to its schema, and a schema from elsewhere is refused', async () => {
    await using ground = await LlamaGround.make()
    const server = await ground.start()
    const format = (schema: unknown): Record<string, unknown> => ({
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
    })
    expect(JSON.parse(chatContent(await chat(server, 'x', format(SCHEMA))))).toEqual({ unit: 'm', count: 0 })
    const refused = await chat(server, 'x', format({ $ref: 'https://example.com/schema' }))
    expect(refused).toMatchObject({ status: 400, json: { error: { type: 'invalid_request_error' } } })
  })

  test('a tool that is required is called, whole or streamed; one that is named is not', async () => {
    await using ground = await LlamaGround.make()
    const server = await ground.start()
    const required = { tools: TOOLS, tool_choice: 'required' }
    const whole = await chat(server, 'x', required)
    const call = { type: 'function', function: { name: 'measure', arguments: '{"unit":"m","count":0}' } }
    expect(whole.json).toMatchObject({ choices: [{ finish_reason: 'tool_calls', message: { tool_calls: [call] } }] })
    const stream = await chat(server, 'x', { ...required, stream: true })
    expect(stream.json).toMatchObject({ choices: [{ finish_reason: 'tool_calls' }] })
    const deltas = stream.events.flatMap((event) => event['choices'] as { delta: Record<string, unknown> }[])
    const parts = deltas.flatMap(({ delta }) => (delta['tool_calls'] as (typeof call)[] | undefined) ?? [])
    expect(parts.map((part) => part.function.arguments ?? '').join('')).toBe(call.function.arguments)
    expect(chatContent(stream)).toBe('')
    const named = { tools: TOOLS, tool_choice: { type: 'function', function: { name: 'measure' } } }
    expect(chatContent(await chat(server, 'x', named))).toMatch(/^You said/)
  })

  test('log probabilities come with each token, most likely first', async () => {
    await using ground = await LlamaGround.make()
    const server = await ground.start()
    const wish = { max_tokens: 3, logprobs: true, top_logprobs: 2 }
    const { json } = await chat(server, 'x', wish)
    const [choice] = json['choices'] as { logprobs: { content: { token: string; top_logprobs: unknown[] }[] } }[]
    expect(choice?.logprobs.content.map(({ token }) => token)).toEqual(['You', ' said', ':'])
    expect(choice?.logprobs.content[0]?.top_logprobs).toMatchObject([{ token: 'You' }, { token: 'You~1' }])
    expect((await chat(server, 'x', { ...wish, stream: true, tools: TOOLS })).status).toBe(400)
  })

  test('text is continued as it is, in both dialects', async () => {
    await using ground = await LlamaGround.make()
    const server = await ground.start()
    const body = { prompt: 'Once', temperature: 0, max_tokens: 2, n_predict: 2 }
    const openAi = await httpAsk(`${server.url}/v1/completions`, body)
    expect(openAi.json).toMatchObject({ choices: [{ text: 'You said', finish_reason: 'length' }] })
    const own = await httpAsk(`${server.url}/completion`, { ...body, stream: true })
    expect(own.events.map((event) => event['content'])).toEqual(['You', ' said', ''])
    expect(own).toMatchObject({ isDone: false, json: { stop: true, stop_type: 'limit', truncated: false } })
  })

  test('texts are embedded when it was started for it', async () => {
    await using ground = await LlamaGround.make()
    const input = ['one', 'another', 'one']
    const plain = await ground.start()
    expect((await httpAsk(`${plain.url}/v1/embeddings`, { input })).status).toBe(501)
    const unpooled = await ground.start(['--embeddings'])
    expect((await httpAsk(`${unpooled.url}/v1/embeddings`, { input })).text).toContain("Pooling type 'none'")
    const server = await ground.start(['--embeddings', '--pooling', 'mean', '-ub', '256'])
    const long = await httpAsk(`${server.url}/v1/embeddings`, { input: 'word '.repeat(300) })
    expect(long).toMatchObject({ status: 500, text: expect.stringContaining('is too large to process') as string })
    expect((await chat(server, 'and it still chats', { max_tokens: 1 })).status).toBe(200)
    const { json } = await httpAsk(`${server.url}/v1/embeddings`, { input })
    const [first, second, third] = (json['data'] as { embedding: number[] }[]).map(({ embedding }) => embedding)
    expect(Math.hypot(...(first ?? []))).toBeCloseTo(1)
    expect(third).toEqual(first)
    expect(second).not.toEqual(first)
  })

  test('what is asked for wrongly is told in its words', async () => {
    await using ground = await LlamaGround.make()
    const { url } = await ground.start()
    const refusal = async (body: unknown, path = '/v1/chat/completions'): Promise<unknown> => {
      const { status, json } = await httpAsk(url + path, body)
      return [status, (json['error'] as Record<string, unknown>)['message']]
    }
    expect(await refusal('{"messages":[')).toEqual([400, expect.stringContaining('parse_error.101')])
    expect(await refusal({})).toEqual([400, "'messages' is required"])
    expect(await refusal({ messages: [{ role: 'user' }] })).toEqual([400, expect.stringContaining("contain 'content'")])
    expect(await refusal({ messages: [], max_tokens: 'many' })).toEqual([400, expect.stringContaining('max_tokens')])
    expect(await refusal({ messages: [], tool_choice: 'never' })).toEqual([400, 'Invalid tool_choice: never'])
    expect(await refusal({}, '/nowhere')).toEqual([404, 'File Not Found'])
  })
})

describe('slots', () => {
  test('a conversation goes on where it was, and one that was pushed out comes back from memory', async () => {
    await using ground = await LlamaGround.make()
    const ask = { max_tokens: 4 }
    const server = await ground.start(['-np', '1'])
    await chat(server, 'the first one', ask)
    const again = usageOf(await chat(server, 'the first one', ask))
    expect(again.cached).toBe(again.prompt - 1)
    await chat(server, 'something else altogether', ask)
    const back = usageOf(await chat(server, 'the first one', ask))
    expect(back.cached).toBe(back.prompt - 1)
    const without = await ground.start(['-np', '1', '--cache-ram', '0'])
    await chat(without, 'the first one', ask)
    await chat(without, 'something else altogether', ask)
    expect(usageOf(await chat(without, 'the first one', ask)).cached).toBeLessThan(back.cached)
    expect(usageOf(await chat(server, 'the first one', { ...ask, cache_prompt: false })).cached).toBe(0)
  })

  test('two are served at once, the third waits', async () => {
    await using ground = await LlamaGround.make()
    const clock = new VirtualClock(0)
    const server = await ground.start(['-np', '2'], { clock, tokenDelayMs: 100 })
    await clock.advanceTo(1)
    await server.loaded
    const answers = ['one', 'two', 'three'].map((content) => chat(server, content, { max_tokens: 2 }))
    await expect.poll(() => server.slots).toMatchObject({ busyCount: 2, waitingCount: 1 })
    await clock.advanceTo(250)
    await expect.poll(() => server.slots).toMatchObject({ busyCount: 1, waitingCount: 0 })
    await clock.advanceTo(500)
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200])
  })

  test('what a slot holds is saved, restored and erased', async () => {
    await using ground = await LlamaGround.make()
    const server = await ground.start(['-np', '1', '--slot-save-path', ground.folder])
    const act = (action: string, body: object = {}): Promise<{ status: number; json: object }> =>
      httpAsk(`${server.url}/slots/0?action=${action}`, body)
    const { prompt } = usageOf(await chat(server, 'to be kept', { max_tokens: 1 }))
    expect((await act('save', { filename: 'kept.bin' })).json).toMatchObject({ id_slot: 0, n_saved: prompt })
    expect((await act('erase')).json).toEqual({ id_slot: 0, n_erased: prompt })
    expect((await act('restore', { filename: 'kept.bin' })).json).toMatchObject({ n_restored: prompt })
    expect(usageOf(await chat(server, 'to be kept', { max_tokens: 1 })).cached).toBe(prompt - 1)
    for (const filename of ['../kept.bin', 'missing.bin']) expect((await act('restore', { filename })).status).toBe(400)
    const plain = await ground.start()
    expect((await httpAsk(`${plain.url}/slots/0?action=erase`, {})).status).toBe(501)
  })

  test('a saved file with its middle changed is taken, one that was cut short ends the process', async () => {
    await using ground = await LlamaGround.make()
    const server = await ground.start(['-np', '1', '--slot-save-path', ground.folder])
    const path = join(ground.folder, 'kept.bin')
    const restore = (): Promise<{ status: number }> =>
      httpAsk(`${server.url}/slots/0?action=restore`, { filename: 'kept.bin' })
    await chat(server, 'to be kept', { max_tokens: 1 })
    await httpAsk(`${server.url}/slots/0?action=save`, { filename: 'kept.bin' })
    const bytes = await readFile(path)
    await writeFile(path, bytes.fill(7, bytes.length - 500))
    expect((await restore()).status).toBe(200)
    await writeFile(path, bytes.subarray(0, -1))
    await expect(restore()).rejects.toThrow('fetch failed')
    await expect(httpAsk(`${server.url}/health`)).rejects.toThrow('fetch failed')
  })
})

describe('faults', () => {
  test('a client that leaves frees its slot', async () => {
    await using ground = await LlamaGround.make()
    const server = await ground.start(['-np', '1'], { tokenDelayMs: 5 })
    const leaving = new AbortController()
    const body = JSON.stringify({ messages: [{ role: 'user', content: 'x' }], stream: true })
    const response = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', body, signal: leaving.signal })
    await response.body?.getReader().read()
    leaving.abort()
    await expect.poll(() => server.slots.busyCount).toBe(0)
    expect(server.counters.cancelled).toBe(1)
    expect((await chat(server, 'after', { max_tokens: 1 })).status).toBe(200)
  })

  test('a silent stream is kept open by comments', async () => {
    await using ground = await LlamaGround.make()
    const clock = new VirtualClock(0)
    const server = await ground.start(['--sse-ping-interval', '2'], { clock, tokenDelayMs: 5000 })
    await clock.advanceTo(1)
    await server.loaded
    const answer = chat(server, 'x', { stream: true, max_tokens: 1 })
    await expect.poll(() => server.slots.busyCount).toBe(1)
    await clock.advanceTo(2500)
    await expect.poll(() => server.counters.pings).toBe(1)
    await clock.advanceTo(6000)
    expect((await answer).text).toMatch(/^:\n\n(?:.|\n)*\[DONE\]/)
  })

  test('one that crashes within an answer breaks every connection', async () => {
    await using ground = await LlamaGround.make()
    const server = await ground.start([], { crashAfterTokens: 3 })
    await expect(chat(server, 'x', { stream: true })).rejects.toThrow('terminated')
    await expect(httpAsk(`${server.url}/health`)).rejects.toThrow('fetch failed')
  })

  test('one that hangs still says that it is healthy', async () => {
    await using ground = await LlamaGround.make()
    const server = await ground.start([], { hangAfterTokens: 2 })
    const signal = AbortSignal.timeout(200)
    const body = JSON.stringify({ messages: [{ role: 'user', content: 'x' }] })
    await expect(httpAsk(`${server.url}/v1/chat/completions`, body, { signal })).rejects.toThrow('timeout')
    expect((await httpAsk(`${server.url}/health`)).status).toBe(200)
    const slots = httpAsk(`${server.url}/slots`, undefined, { signal: AbortSignal.timeout(50) })
    await expect(slots).rejects.toThrow('timeout')
  })
})
