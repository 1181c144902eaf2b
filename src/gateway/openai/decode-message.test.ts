import { describe, expect, test } from 'vitest'
import type { ChatMessage } from '../../spec/chat.ts'
import { decodeMessage, messageSchema } from './decode-message.ts'

/** As a route does it: checked, then decoded. */
function decoded(message: unknown): ChatMessage {
  return decodeMessage(messageSchema.parse(message), 3)
}

describe('a message', () => {
  test.each<[string, unknown, ChatMessage]>([
    ['of a person', { role: 'user', content: 'hi' }, { role: 'user', content: 'hi' }],
    ['of a developer is a system message', { role: 'developer', content: 'x' }, { role: 'system', content: 'x' }],
    ['without content', { role: 'assistant' }, { role: 'assistant', content: '' }],
    ['with null for content', { role: 'assistant', content: null }, { role: 'assistant', content: '' }],
    ['with null for all the rest', everythingNull(), { role: 'assistant', content: 'x' }],
    ['with fields that nobody knows', { role: 'user', content: 'x', name: 'Eva' }, { role: 'user', content: 'x' }],
    [
      'of a tool',
      { role: 'tool', content: '18 °C', tool_call_id: 'call_1' },
      { role: 'tool', content: '18 °C', toolCallId: 'call_1' },
    ],
    [
      'with what the model thought aloud',
      { role: 'assistant', content: '4', reasoning_content: '2 and 2' },
      { role: 'assistant', content: '4', reasoning: '2 and 2' },
    ],
    [
      'with an empty thought',
      { role: 'assistant', content: '4', reasoning_content: '' },
      { role: 'assistant', content: '4', reasoning: '' },
    ],
  ])('%s', (_, message, expected) => {
    expect(decoded(message)).toEqual(expected)
  })

  test.each([
    ['an unknown role', { role: 'robot', content: 'x' }],
    ['no role', { content: 'x' }],
    ['a number for content', { role: 'user', content: 5 }],
    ['a part without a type', { role: 'user', content: [{ text: 'x' }] }],
    ['calls that are no list', { role: 'assistant', tool_calls: {} }],
    ['arguments that are no text', { role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: {} } }] }],
    ['a number for the call it answers', { role: 'tool', content: 'x', tool_call_id: 5 }],
    ['a number for a thought', { role: 'assistant', reasoning_content: 5 }],
    ['null', null],
    ['a list', []],
  ])('%s is refused', (_, message) => {
    expect(messageSchema.safeParse(message).success).toBe(false)
  })
})

describe('calls of tools', () => {
  test('keep their order, ids, names and arguments to the letter', () => {
    const text = '{ "where": "Zürich", "n": 9007199254740993 }'
    const calls = [
      { id: 'call_1', type: 'function', function: { name: 'look_up', arguments: text } },
      { id: 'call_2', type: 'function', function: { name: 'stop', arguments: '' } },
    ]
    expect(decoded({ role: 'assistant', content: null, tool_calls: calls })).toEqual({
      role: 'assistant',
      content: '',
      toolCalls: [
        { id: 'call_1', name: 'look_up', arguments: text },
        { id: 'call_2', name: 'stop', arguments: '' },
      ],
    })
  })

  test('without arguments they have none, without id and name these are empty', () => {
    const { toolCalls } = decoded({ role: 'assistant', tool_calls: [{ function: { name: 'stop' } }, {}] })
    expect(toolCalls).toEqual([
      { id: '', name: 'stop', arguments: '{}' },
      { id: '', name: '', arguments: '{}' },
    ])
  })

  test('an empty list is no call', () => {
    expect(decoded({ role: 'assistant', content: 'x', tool_calls: [] })).toEqual({ role: 'assistant', content: 'x' })
  })
})

describe('content in parts', () => {
  const text = (value: string): object => ({ type: 'text', text: value })

  test('is joined without anything between', () => {
    expect(decoded({ role: 'user', content: [text('a'), text(' b\n'), text('')] }).content).toBe('a b\n')
    expect(decoded({ role: 'user', content: [] }).content).toBe('')
  })

  test.each([
    ['audio', { type: 'input_audio' }, "'input_audio'"],
    ['a text without text', { type: 'text' }, "'text'"],
    ['an image without one', { type: 'image_url' }, "'image_url'"],
  ])('%s is refused, and the refusal says where', (_, part, type) => {
    expect(() => decoded({ role: 'user', content: [text('a'), part] })).toThrow(
      expect.objectContaining({
        reason: 'invalid-request',
        message: expect.stringMatching(new RegExp(`^messages\\[3\\]\\.content: parts of type ${type}`)),
        details: { param: 'messages' },
      }),
    )
  })
})

describe('pictures', () => {
  const picture = (url: string): object => ({ type: 'image_url', image_url: { url } })

  test('come beside the text, as they are in the request', () => {
    const content = [{ type: 'text', text: 'what?' }, picture('data:image/png;base64,iVBO')]
    const { content: text, images } = decoded({ role: 'user', content })
    expect([text, images]).toEqual(['what?', [{ mimeType: 'image/png', base64: 'iVBO' }]])
  })

  test.each([['https://example.com/cat.png'], ['file:///etc/passwd'], ['data:text/html;base64,aaaa'], ['data:']])(
    '%j is fetched from nowhere',
    (url) => {
      expect(() => decoded({ role: 'user', content: [picture(url)] })).toThrow(
        expect.objectContaining({ reason: 'invalid-request', message: expect.stringContaining('data:image/png') }),
      )
    },
  )
})

function everythingNull(): object {
  return { role: 'assistant', content: 'x', tool_calls: null, tool_call_id: null, reasoning_content: null }
}
