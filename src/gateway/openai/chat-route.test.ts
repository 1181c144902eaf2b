import { describe, expect, test } from 'vitest'
import { ServedManager } from '../../../test/support/served-manager.ts'
import type { AnswerPart } from '../../spec/chat.ts'
import { resourceError } from '../../spec/errors.ts'
import { begin, finish } from '../../testing/scripted-manager.ts'

/** The data of each event, in order. */
function dataOf(text: string): unknown[] {
  return text
    .split('\n\n')
    .filter((block) => block.startsWith('data: '))
    .map((block) => block.slice('data: '.length))
    .map((data) => (data === '[DONE]' ? data : JSON.parse(data)))
}

describe('whole', () => {
  test('has the form of OpenAI’s, and the receipt in headers and body', async () => {
    await using served = await ServedManager.start()
    const asked = served.manager.answerNext('lo', 'Hel')
    const response = await served.chat({ model: 'a' })
    expect(await response.json()).toEqual({
      id: expect.stringMatching(/^chatcmpl-/),
      object: 'chat.completion',
      created: expect.any(Number),
      model: 'a',
      system_fingerprint: null,
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hello', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 10,
        completion_tokens: 2,
        total_tokens: 12,
        prompt_tokens_details: { cached_tokens: 6 },
        grym: { model: 'a', queue_wait_ms: 3, load_ms: 4, cached_tokens: 6 },
      },
    })
    const header = (name: string): string | null => response.headers.get(name)
    expect([header('x-grym-model'), header('x-grym-queue-wait-ms'), header('x-grym-load-ms')]).toEqual(['a', '3', '4'])
    expect(header('x-grym-cached-tokens')).toBe('6')
    expect((await asked).request.isStreamed).toBe(false)
  })

  test('an error has its own status and says when to come back', async () => {
    await using served = await ServedManager.start()
    const response = served.chat({})
    const { answer } = await served.manager.next()
    answer.fail(resourceError('circuit-open', 'Not now.', { details: { retryAfterMs: 4_200 } }))
    expect((await response).status).toBe(503)
    expect((await response).headers.get('retry-after')).toBe('5')
  })
})

describe('what an answer is made of', () => {
  const weighed = { token: 'Hi', bytes: [72, 105], logprob: -0.5 }
  const parts: readonly AnswerPart[] = [
    { type: 'reasoning', text: 'Hm.' },
    { type: 'text', text: 'Hi', logprobs: [{ ...weighed, top: [weighed] }] },
    { type: 'toolCall', call: { id: 'one', name: 'add', arguments: '{"a":1}' } },
    { type: 'toolCall', call: { id: 'two', name: 'now', arguments: '{}' } },
  ]
  const logprobs = { content: [{ ...weighed, top_logprobs: [weighed] }], refusal: null }
  const add = { id: 'one', type: 'function', function: { name: 'add', arguments: '{"a":1}' } }
  const now = { id: 'two', type: 'function', function: { name: 'now', arguments: '{}' } }

  async function answered(body: object, said: readonly AnswerPart[]): Promise<Response> {
    await using served = await ServedManager.start()
    const response = served.chat(body)
    const asked = await served.manager.next()
    begin(asked)
    for (const part of said) asked.answer.push(part)
    finish(asked, 'toolCalls')
    return new Response(await (await response).text())
  }

  test('whole: reasoning beside the content, calls with their ids', async () => {
    expect(await (await answered({}, parts)).json()).toMatchObject({
      choices: [
        {
          message: { role: 'assistant', content: 'Hi', reasoning_content: 'Hm.', tool_calls: [add, now] },
          logprobs,
          finish_reason: 'tool_calls',
        },
      ],
    })
  })

  test('calls alone: the content is null', async () => {
    expect(await (await answered({}, parts.slice(2))).json()).toMatchObject({
      choices: [{ message: { content: null } }],
    })
  })

  test('streamed: each call is one piece with its index', async () => {
    const events = dataOf(await (await answered({ stream: true }, parts)).text())
    const choices = events.flatMap((event) =>
      typeof event === 'object' ? [(event as { choices: unknown[] }).choices[0]] : [],
    )
    expect(choices).toMatchObject([
      { delta: { role: 'assistant' } },
      { delta: { reasoning_content: 'Hm.' }, logprobs: null },
      { delta: { content: 'Hi' }, logprobs },
      { delta: { tool_calls: [{ index: 0, ...add }] } },
      { delta: { tool_calls: [{ index: 1, ...now }] } },
      { delta: {}, finish_reason: 'tool_calls' },
    ])
  })
})

describe('a stream', () => {
  test('is role, text, finish, [DONE]', async () => {
    await using served = await ServedManager.start()
    void served.manager.answerNext('lo', 'Hel')
    const response = await served.chat({ stream: true })
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(response.headers.get('x-grym-model')).toBe('a')
    const events = dataOf(await response.text())
    const delta = (value: object): object =>
      expect.objectContaining({
        object: 'chat.completion.chunk',
        choices: [{ index: 0, delta: value, logprobs: null, finish_reason: null }],
      })
    expect(events).toEqual([
      delta({ role: 'assistant', content: '' }),
      delta({ content: 'Hel' }),
      delta({ content: 'lo' }),
      expect.objectContaining({
        choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }],
        grym: { model: 'a', queue_wait_ms: 3, load_ms: 4, cached_tokens: 6 },
      }),
      '[DONE]',
    ])
    expect(new Set(events.slice(0, -1).map((event) => (event as { id: string }).id)).size).toBe(1)
  })

  test('with include_usage the last piece before [DONE] has the counts and no choices', async () => {
    await using served = await ServedManager.start()
    void served.manager.answerNext('x')
    const response = await served.chat({ stream: true, stream_options: { include_usage: true } })
    expect(dataOf(await response.text()).at(-2)).toMatchObject({ choices: [], usage: { total_tokens: 12 } })
  })

  test('a failure before its first byte is a proper error', async () => {
    await using served = await ServedManager.start()
    const response = served.chat({ stream: true })
    const { answer } = await served.manager.next()
    answer.fail(resourceError('context-too-long', 'Too long.'))
    expect((await response).status).toBe(400)
    expect(await (await response).json()).toMatchObject({ error: { code: 'context_length_exceeded' } })
  })

  test('a failure in its middle is an error event, with an id and without [DONE]', async () => {
    await using served = await ServedManager.start()
    const response = served.chat({ stream: true })
    const asked = await served.manager.next()
    begin(asked)
    asked.answer.push({ type: 'text', text: 'Hel' })
    asked.answer.fail(resourceError('engine-lost', 'The engine ended.'))
    const events = dataOf(await (await response).text())
    expect(events.at(-1)).toMatchObject({
      error: { message: 'The engine ended.', reason: 'engine-lost', id: expect.stringMatching(/^err_/) },
    })
    expect(events).not.toContain('[DONE]')
  })

  test('a long silence is kept alive by comments; a failure after that is an error event', async () => {
    await using served = await ServedManager.start(20)
    const response = await served.chat({ stream: true })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader?.read())?.value).toContain(': waiting\n\n')
    served.manager.asked[0]?.answer.fail(resourceError('queue-timeout', 'Waited too long.'))
    let rest = ''
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) rest += part.value
    expect(dataOf(rest).at(-1)).toMatchObject({ error: { reason: 'queue-timeout' } })
  })

  test('a client that leaves aborts the request', async () => {
    await using served = await ServedManager.start()
    const leaving = new AbortController()
    const response = served.chat({ stream: true }, leaving.signal)
    const asked = await served.manager.next()
    begin(asked)
    await response
    leaving.abort()
    await expect.poll(() => asked.signal.aborted).toBe(true)
  })

  test('a client that leaves before the first byte aborts the request, too', async () => {
    await using served = await ServedManager.start()
    const leaving = new AbortController()
    const response = served.chat({ stream: true }, leaving.signal).catch(() => 'left')
    const asked = await served.manager.next()
    leaving.abort()
    await expect.poll(() => asked.signal.aborted).toBe(true)
    expect(await response).toBe('left')
  })

  test('a reader that is slow gets every byte', async () => {
    await using served = await ServedManager.start()
    const response = served.chat({ stream: true })
    const asked = await served.manager.next()
    begin(asked)
    const piece = 'x'.repeat(50_000)
    for (let index = 0; index < 100; index++) asked.answer.push({ type: 'text', text: piece })
    finish(asked)
    let length = 0
    for await (const bytes of (await response).body ?? []) {
      length += bytes.length
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(length).toBeGreaterThan(100 * 50_000)
  })
})
