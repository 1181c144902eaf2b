import { describe, expect, test } from 'vitest'
import { ResourceError } from '../spec/errors.ts'
import { checkedMessages, inferRequest } from './chat-request.ts'
import type { ChatRequest } from './chat-types.ts'

const messages = [{ role: 'user' as const, content: 'hi' }]

/** `''` when the request is taken, else the field that the refusal names. */
function fault(changes: object): unknown {
  try {
    inferRequest({ messages, ...changes })
    return ''
  } catch (error) {
    if (!(error instanceof ResourceError) || error.reason !== 'invalid-request') throw error
    const field = error.details?.['param']
    expect(error.message.startsWith(`${String(field)}: `)).toBe(true)
    return field
  }
}

describe('what the manager is asked', () => {
  test('of a request that says little', () => {
    expect(inferRequest({ messages })).toStrictEqual({
      model: undefined,
      messages,
      sampling: {},
      stop: [],
      isStreamed: true,
      conversation: { owner: 'local' },
    })
  })

  test('of one that says everything', () => {
    const said: ChatRequest = {
      model: 'tiny',
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'assistant',
          content: '',
          reasoning: 'hm',
          toolCalls: [{ id: 'call_1', name: 'look_up', arguments: '{}' }],
        },
        { role: 'tool', content: 'x', toolCallId: 'call_1' },
      ],
      conversationId: 'mine',
      maxTokens: 5,
      temperature: 0,
      seed: -1,
      topK: 0,
      topP: 1,
      minP: 0.5,
      stop: 'END',
      tools: [],
      signal: new AbortController().signal,
    }
    expect(inferRequest(said)).toStrictEqual({
      model: 'tiny',
      messages: said.messages,
      sampling: { temperature: 0, seed: -1, topK: 0, topP: 1, minP: 0.5 },
      stop: ['END'],
      isStreamed: true,
      maxTokens: 5,
      conversation: { owner: 'local', explicitId: 'mine' },
    })
  })

  test('undefined is as if it were left out', () => {
    const none = { model: undefined, conversationId: undefined, maxTokens: undefined, seed: undefined, stop: undefined }
    expect(inferRequest({ messages, ...none } as unknown as ChatRequest)).toStrictEqual(inferRequest({ messages }))
  })

  test('what is passed on is a copy: changing the request later changes nothing', () => {
    const own = [{ role: 'user' as const, content: 'hi' }]
    const asked = inferRequest({ messages: own })
    own[0] = { role: 'user', content: 'changed' }
    own.push({ role: 'user', content: 'more' })
    expect(asked.messages).toEqual(messages)
  })
})

describe('limits', () => {
  const text = (length: number): string => 'x'.repeat(length)
  const step = 1e-9
  const tools = (count: number): object[] => Array.from({ length: count }, (_, index) => ({ name: `tool-${index}` }))

  test.each<[string, unknown[], unknown[]]>([
    ['model', ['x'], ['', 5, null]],
    ['conversationId', ['x', text(255), text(256)], ['', text(257), 5, null]],
    ['maxTokens', [1, 2, Number.MAX_SAFE_INTEGER], [-1, 0, 1.5, NaN, Infinity, '5', null]],
    ['temperature', [0, step, 2 - step, 2], [-step, 2 + step, NaN, Infinity, '1']],
    ['topP', [0, step, 1 - step, 1], [-step, 1 + step, NaN, '1']],
    ['minP', [0, step, 1 - step, 1], [-step, 1 + step, NaN, '1']],
    ['topK', [0, 1, 40], [-1, 1.5, NaN, '1']],
    ['seed', [-1, 0, Number.MAX_SAFE_INTEGER], [0.5, NaN, '1', Number.MAX_SAFE_INTEGER + 1]],
    ['tools', [[], tools(1), tools(127), tools(128)], [tools(129), {}, null]],
    ['toolChoice', ['auto', 'none'], ['required', { name: 'a' }, 'any', null]],
    [
      'responseFormat',
      [{ type: 'text' }, { type: 'json' }, { type: 'schema', schema: {} }],
      [{ type: 'x' }, 'json', null],
    ],
    ['topLogprobs', [0, 1, 20], [-1, 21, 0.5, '1']],
    ['thinking', [true, false], ['yes', null]],
  ])('%s', (field, allowed, refused) => {
    expect(allowed.map((value) => fault({ [field]: value }))).toEqual(allowed.map(() => ''))
    expect(refused.map((value) => fault({ [field]: value }))).toEqual(refused.map(() => field))
  })

  test('a tool has a name that can stand in a call, and a choice names one of them', () => {
    const bad = ['', 'a b', 'a"b', text(129), 5]
    expect(bad.map((name) => fault({ tools: [{ name }] }))).toEqual(bad.map(() => 'tools[0].name'))
    expect(fault({ tools: [{ name: text(128) }], toolChoice: { name: text(128) } })).toBe('')
    expect(fault({ tools: tools(1), toolChoice: 'required' })).toBe('')
    expect(fault({ tools: tools(1), toolChoice: { name: 'other' } })).toBe('toolChoice')
  })

  test('stop: a text, or up to 16 of them', () => {
    const many = (count: number): string[] => Array.from({ length: count }, () => 'x')
    expect([0, 15, 16].map((count) => fault({ stop: many(count) }))).toEqual(['', '', ''])
    expect([many(17), 5, null, {}].map((stop) => fault({ stop }))).toEqual(['stop', 'stop', 'stop', 'stop'])
    expect(fault({ stop: ['x', 5] })).toBe('stop')
  })
})

describe('messages', () => {
  test.each<[unknown, string]>([
    [[], 'messages'],
    [undefined, 'messages'],
    [null, 'messages'],
    ['hi', 'messages'],
    [[null], 'messages[0]'],
    [[...messages, { role: 'developer', content: 'x' }], 'messages[1].role'],
    [[{ content: 'x' }], 'messages[0].role'],
    [[{ role: 'user' }], 'messages[0].content'],
    [[{ role: 'user', content: [] }], 'messages[0].content'],
    [[{ role: 'assistant', content: 'x', toolCalls: [{ id: 'a', name: 'f' }] }], 'messages[0].toolCalls[0].arguments'],
    [[{ role: 'tool', content: 'x', toolCallId: 5 }], 'messages[0].toolCallId'],
    [[{ role: 'assistant', content: 'x', reasoning: 5 }], 'messages[0].reasoning'],
  ])('%j: the refusal names %s', (value, field) => {
    expect(fault({ messages: value })).toBe(field)
  })

  test.each([[undefined], [null], ['hi'], [[]], [7]])('a request that is %j is refused', (request) => {
    expect(() => inferRequest(request as unknown as ChatRequest)).toThrow(
      expect.objectContaining({ reason: 'invalid-request' }),
    )
  })

  test('to be counted may be none; what is no message is refused as in a request', () => {
    expect(checkedMessages([])).toEqual([])
    expect(checkedMessages(messages)).toEqual(messages)
    expect(() => checkedMessages([{ role: 'user', content: 5 }])).toThrow(/^messages\[0\]\.content: must be text/)
    expect(() => checkedMessages(null)).toThrow(expect.objectContaining({ details: { param: 'messages' } }))
  })
})
