import { expect, test } from 'vitest'
import { begin, finish } from '../../testing/scripted-manager.ts'
import { ServedManager } from '../../../test/support/served-manager.ts'

type Line = Readonly<Record<string, unknown>>

function post(served: ServedManager, path: string, body: object): Promise<Response> {
  return fetch(`${served.url}/api/${path}`, { method: 'POST', body: JSON.stringify(body) })
}

async function linesOf(response: Response): Promise<Line[]> {
  const lines = (await response.text()).split('\n')
  expect(lines.pop()).toBe('')
  return lines.map((line) => JSON.parse(line) as Line)
}

const CHAT = { model: 'a', messages: [{ role: 'user', content: 'hi' }] }

test('a chat is a stream of lines; the last one has the counts and the measured times', async () => {
  await using served = await ServedManager.start()
  const asking = served.manager.next()
  const answered = post(served, 'chat', CHAT)
  const asked = await asking
  expect(asked.request).toMatchObject({ model: 'a', isStreamed: true, messages: [{ role: 'user', content: 'hi' }] })
  begin(asked)
  asked.answer.push({ type: 'reasoning', text: 'hm' })
  asked.answer.push({ type: 'text', text: 'he' })
  asked.answer.push({ type: 'text', text: 'llo' })
  const usage = { promptTokens: 10, cachedTokens: 6, generatedTokens: 2 }
  const receipt = { requestId: 'r1', modelId: 'real-a', queueWaitMs: 3, loadMs: 4 }
  asked.answer.push({ type: 'end', finishReason: 'length', usage, receipt, prefillMs: 1.5, decodeMs: 20 })
  asked.answer.end()
  const response = await answered
  expect(response.headers.get('content-type')).toBe('application/x-ndjson')
  const [thinking, he, llo, last] = await linesOf(response)
  expect(thinking).toMatchObject({
    model: 'a',
    done: false,
    message: { role: 'assistant', content: '', thinking: 'hm' },
  })
  expect(he).toEqual({
    model: 'a',
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    message: { role: 'assistant', content: 'he' },
    done: false,
  })
  expect(llo).toMatchObject({ message: { content: 'llo' } })
  expect(last).toEqual({
    model: 'a',
    created_at: expect.any(String),
    message: { role: 'assistant', content: '' },
    done: true,
    done_reason: 'length',
    total_duration: expect.any(Number),
    load_duration: 7_000_000,
    prompt_eval_count: 10,
    prompt_eval_duration: 1_500_000,
    eval_count: 2,
    eval_duration: 20_000_000,
    grym: { model: 'real-a', queue_wait_ms: 3, load_ms: 4, cached_tokens: 6 },
  })
})

test('what an engine does not tell is left out', async () => {
  await using served = await ServedManager.start()
  const answered = served.manager.answerNext('hello')
  const body = (await (await post(served, 'generate', { model: 'a', prompt: 'hi', stream: false })).json()) as Line
  await answered
  expect(body).toMatchObject({ model: 'a', response: 'hello', done: true, done_reason: 'stop', eval_count: 2 })
  expect(Object.keys(body)).not.toContain('eval_duration')
  expect(Object.keys(body)).not.toContain('context')
})

test('nothing is sent early: a failure before the answer is a proper error, however long it took', async () => {
  await using served = await ServedManager.start(5)
  const asking = served.manager.next()
  const answered = post(served, 'chat', CHAT)
  const asked = await asking
  setTimeout(() => asked.answer.fail(new Error('gone')), 40)
  const response = await answered
  expect(response.status).toBe(500)
  expect(await response.json()).toMatchObject({ error: expect.any(String), reason: 'internal', id: expect.any(String) })
})

test('a failure after it is a line of its own, the last one', async () => {
  await using served = await ServedManager.start()
  const asking = served.manager.next()
  const answered = post(served, 'generate', { model: 'a', prompt: 'hi' })
  const asked = await asking
  begin(asked)
  asked.answer.push({ type: 'text', text: 'he' })
  asked.answer.fail(new Error('gone'))
  const lines = await linesOf(await answered)
  expect(lines).toMatchObject([
    { response: 'he', done: false },
    { error: expect.any(String), reason: 'internal' },
  ])
})

test('calls of tools have their arguments as an object, and are no reason to end of their own', async () => {
  await using served = await ServedManager.start()
  const asking = served.manager.next()
  const tools = [{ type: 'function', function: { name: 'now', parameters: { type: 'object' } } }]
  const answered = post(served, 'chat', { ...CHAT, tools, stream: false })
  const asked = await asking
  expect(asked.request.tools).toEqual([{ name: 'now', parameters: { type: 'object' } }])
  begin(asked)
  for (const id of ['c1', 'c2']) {
    asked.answer.push({ type: 'toolCall', call: { id, name: 'now', arguments: '{"zone":"UTC"}' } })
  }
  finish(asked, 'toolCalls')
  const called = (index: number): object => ({ index, name: 'now', arguments: { zone: 'UTC' } })
  expect(await (await answered).json()).toMatchObject({
    done_reason: 'stop',
    message: {
      tool_calls: [
        { id: 'c1', function: called(0) },
        { id: 'c2', function: called(1) },
      ],
    },
  })
})

test('arguments that are no object are told, not passed on', async () => {
  await using served = await ServedManager.start()
  const asking = served.manager.next()
  const answered = post(served, 'chat', CHAT)
  const asked = await asking
  begin(asked)
  asked.answer.push({ type: 'toolCall', call: { id: 'c', name: 'now', arguments: '{"zone"' } })
  expect((await linesOf(await answered)).at(-1)).toMatchObject({ reason: 'engine-error' })
})

test('log probabilities stand beside the text that they are of', async () => {
  await using served = await ServedManager.start()
  const asking = served.manager.next()
  const answered = post(served, 'generate', { prompt: 'hi', stream: false, logprobs: true, top_logprobs: 1 })
  const asked = await asking
  expect(asked.request.topLogprobs).toBe(1)
  begin(asked)
  const token = { token: 'A', bytes: [65], logprob: -0.5 }
  asked.answer.push({ type: 'text', text: 'A', logprobs: [{ ...token, top: [{ ...token, bytes: null }] }] })
  finish(asked)
  expect(await (await answered).json()).toMatchObject({
    model: 'a',
    logprobs: [{ ...token, top_logprobs: [{ token: 'A', logprob: -0.5 }] }],
  })
})

test.each([
  ['chat', { messages: [] }, { message: { role: 'assistant', content: '' } }],
  ['generate', { prompt: '' }, { response: '' }],
  ['generate', {}, { response: '' }],
])('%s without a question loads: %j', async (path, body, empty) => {
  await using served = await ServedManager.start()
  const response = await post(served, path, { model: 'b', ...body })
  expect(response.headers.get('x-grym-model')).toBe('b')
  expect(await response.json()).toEqual({
    ...{ model: 'b', created_at: expect.any(String), done: true, done_reason: 'load' },
    ...empty,
  })
  expect(served.manager.asked).toEqual([])
})

test.each([0, '0', '0s'])('with a keep_alive of %j it unloads', async (keepAlive) => {
  await using served = await ServedManager.start()
  const response = await post(served, 'generate', { model: 'b', keep_alive: keepAlive })
  expect(await response.json()).toMatchObject({ model: 'b', response: '', done: true, done_reason: 'unload' })
})

test('what a request wishes of its model goes with it', async () => {
  await using served = await ServedManager.start()
  const answered = served.manager.answerNext('hello')
  await post(served, 'chat', { ...CHAT, keep_alive: '10m', options: { num_ctx: 4_096 } })
  expect((await answered).request.wish).toEqual({ keepAliveMs: 600_000, contextTokens: 4_096 })
})

test.each([
  ['generate', { model: 'unknown' }],
  ['show', { model: 'unknown' }],
])('%s of an unknown model says "not found"', async (path, body) => {
  await using served = await ServedManager.start()
  const response = await post(served, path, body)
  expect(response.status).toBe(404)
  expect(await response.json()).toMatchObject({ error: expect.stringMatching(/^model 'unknown' not found/) })
})

test('a chat is a conversation that is kept, and so is one question; text that is continued is none', async () => {
  await using served = await ServedManager.start()
  const conversations: unknown[] = []
  for (const [path, body] of [
    ['chat', CHAT],
    ['generate', { prompt: 'hi' }],
    ['generate', { prompt: 'hi', raw: true }],
  ] as const) {
    const answered = served.manager.answerNext('hello')
    await post(served, path, body)
    conversations.push((await answered).request.conversation !== undefined)
  }
  expect(conversations).toEqual([true, true, false])
})
