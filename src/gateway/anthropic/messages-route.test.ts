import { describe, expect, test } from 'vitest'
import { assembled, readEvents } from '../../../test/support/anthropic-events.ts'
import { ServedManager } from '../../../test/support/served-manager.ts'
import type { AnswerPart } from '../../spec/chat.ts'
import { resourceError } from '../../spec/errors.ts'
import { begin, finish } from '../../testing/scripted-manager.ts'

function ask(served: ServedManager, body: object = {}, headers: Record<string, string> = {}): Promise<Response> {
  const messages = [{ role: 'user', content: 'hi' }]
  const init = { method: 'POST', headers, body: JSON.stringify({ model: 'a', max_tokens: 9, messages, ...body }) }
  return fetch(`${served.url}/v1/messages`, init)
}

const parts: readonly AnswerPart[] = [
  { type: 'reasoning', text: 'Hm.' },
  { type: 'text', text: 'Hi' },
  { type: 'toolCall', call: { id: 'one', name: 'add', arguments: '{"a":1}' } },
]

async function answered(body: object): Promise<string> {
  await using served = await ServedManager.start()
  const response = ask(served, body)
  const asked = await served.manager.next()
  begin(asked)
  for (const part of parts) asked.answer.push(part)
  finish(asked, 'toolCalls')
  return await (await response).text()
}

describe('whole', () => {
  test('has the form of Anthropic’s, and the receipt in headers and body', async () => {
    await using served = await ServedManager.start()
    const asked = served.manager.answerNext('lo', 'Hel')
    const response = await ask(served)
    expect(await response.json()).toEqual({
      id: expect.stringMatching(/^msg_/),
      type: 'message',
      role: 'assistant',
      model: 'a',
      content: [{ type: 'text', text: 'Hello' }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: {
        ...{ input_tokens: 4, cache_creation_input_tokens: 0, cache_read_input_tokens: 6, output_tokens: 2 },
        grym: { model: 'a', queue_wait_ms: 3, load_ms: 4, cached_tokens: 6 },
      },
    })
    const header = (name: string): string | null => response.headers.get(name)
    expect([header('x-grym-model'), header('x-grym-load-ms'), header('x-grym-cached-tokens')]).toEqual(['a', '4', '6'])
    expect((await asked).request).toMatchObject({ isStreamed: false, maxTokens: 9, model: 'a', thinking: false })
  })

  test('thoughts and calls are blocks', async () => {
    expect(JSON.parse(await answered({ thinking: { type: 'enabled', budget_tokens: 1_024 } }))).toMatchObject({
      content: [
        { type: 'thinking', thinking: 'Hm.', signature: '' },
        { type: 'text', text: 'Hi' },
        { type: 'tool_use', id: 'one', name: 'add', input: { a: 1 } },
      ],
      stop_reason: 'tool_use',
    })
  })
})

describe('streamed', () => {
  test('is the same message, event by event', async () => {
    const thinking = { type: 'adaptive' }
    const whole = JSON.parse(await answered({ thinking })) as object
    const message = assembled(readEvents(await answered({ thinking, stream: true })))
    expect({ ...message, id: '' }).toEqual({ ...whole, id: '' })
  })

  test('comes as events', async () => {
    await using served = await ServedManager.start()
    void served.manager.answerNext('x')
    const response = await ask(served, { stream: true })
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(response.headers.get('x-grym-model')).toBe('a')
    expect(readEvents(await response.text()).map(({ type }) => type)).toEqual([
      ...['message_start', 'content_block_start', 'content_block_delta', 'content_block_stop'],
      ...['message_delta', 'message_stop'],
    ])
  })

  test('thoughts that are not told do not silence the pings', async () => {
    await using served = await ServedManager.start(40)
    const response = ask(served, { stream: true })
    const asked = await served.manager.next()
    begin(asked)
    const thinks = setInterval(() => asked.answer.push({ type: 'reasoning', text: 'x' }), 10)
    const reader = (await response).body?.pipeThrough(new TextDecoderStream()).getReader()
    let read = ''
    while (!read.includes('event: ping\n')) read += (await reader?.read())?.value ?? ''
    clearInterval(thinks)
    finish(asked)
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) read += part.value
    expect(assembled(readEvents(read))).toMatchObject({ content: [] })
  })

  test('a failure before its first byte is a proper error', async () => {
    await using served = await ServedManager.start()
    const response = ask(served, { stream: true })
    const details = { promptTokens: 9_000, contextTokens: 2_048 }
    ;(await served.manager.next()).answer.fail(resourceError('context-too-long', 'Too long.', { details }))
    expect((await response).status).toBe(400)
    expect(await (await response).json()).toMatchObject({
      type: 'error',
      error: { type: 'invalid_request_error', message: 'prompt is too long: 9000 tokens > 2048 maximum. Too long.' },
    })
  })

  test('a failure in its middle is an error event, and nothing follows', async () => {
    await using served = await ServedManager.start()
    const response = ask(served, { stream: true })
    const asked = await served.manager.next()
    begin(asked)
    asked.answer.push({ type: 'text', text: 'Hel' })
    asked.answer.fail(resourceError('engine-lost', 'The engine ended.'))
    const events = readEvents(await (await response).text())
    expect(events.at(-1)).toMatchObject({ type: 'error', error: { type: 'api_error', reason: 'engine-lost' } })
    expect(events.map(({ type }) => type)).not.toContain('message_stop')
  })

  test('a client that leaves aborts the request', async () => {
    await using served = await ServedManager.start()
    const response = ask(served, { stream: true })
    const asked = await served.manager.next()
    begin(asked)
    await (await response).body?.cancel()
    await expect.poll(() => asked.signal.aborted).toBe(true)
  })
})

test('what is said beside the question goes along', async () => {
  await using served = await ServedManager.start()
  const response = ask(served, { metadata: { conversation_id: 'mine' }, keep_alive: '5m' }, { 'x-api-key': 'secret' })
  const asked = await served.manager.next()
  expect(asked.request).toMatchObject({ conversation: { explicitId: 'mine' }, wish: { keepAliveMs: 300_000 } })
  expect(asked.request.conversation?.owner).toMatch(/^[0-9a-f]{64}$/)
  begin(asked)
  finish(asked)
  expect((await response).status).toBe(200)
})

test('the stop string that ended an answer is named', async () => {
  await using served = await ServedManager.start()
  const response = ask(served, { stop_sequences: ['END'] })
  const asked = await served.manager.next()
  expect(asked.request.stop).toEqual(['END'])
  begin(asked)
  const receipt = { requestId: 'r1', modelId: 'a', queueWaitMs: 0, loadMs: 0 }
  const usage = { promptTokens: 1, cachedTokens: 0, generatedTokens: 1 }
  asked.answer.push({ type: 'end', finishReason: 'stop', stoppedBy: 'END', usage, receipt })
  asked.answer.end()
  expect(await (await response).json()).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'END' })
})

test('errors have the shape of the dialect, and an id', async () => {
  await using served = await ServedManager.start()
  const response = await ask(served, { messages: [] })
  expect(response.status).toBe(400)
  const body = (await response.json()) as { readonly request_id: string }
  expect(body).toMatchObject({ type: 'error', error: { type: 'invalid_request_error', reason: 'invalid-request' } })
  expect(response.headers.get('x-grym-error-id')).toBe(body.request_id)
  expect(response.headers.get('request-id')).toBe(body.request_id)
  const unknown = await fetch(`${served.url}/v1/messages/unknown`)
  expect(unknown.status).toBe(404)
  expect(await unknown.json()).toMatchObject({ type: 'error', error: { type: 'not_found_error' } })
})
