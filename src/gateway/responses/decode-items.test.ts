import { describe, expect, test } from 'vitest'
import type { ChatMessage } from '../../spec/chat.ts'
import { decodeItems } from './decode-items.ts'
import { readInput } from './input-item.ts'

function decoded(...items: readonly object[]): readonly ChatMessage[] {
  return decodeItems(readInput(items), 0)
}

const call = { type: 'function_call', call_id: 'c1', name: 'add', arguments: '{"a":1}' }
const called = { id: 'c1', name: 'add', arguments: '{"a":1}' }

describe('items are messages', () => {
  test.each<[string, readonly object[], readonly ChatMessage[]]>([
    ['the short form', [{ role: 'user', content: 'hi' }], [{ role: 'user', content: 'hi' }]],
    ['a developer', [{ role: 'developer', content: 'be brief' }], [{ role: 'system', content: 'be brief' }]],
    [
      'parts',
      [
        {
          ...{ type: 'message', role: 'user' },
          content: [
            { type: 'input_text', text: 'see ' },
            { type: 'input_image', image_url: 'data:image/png;base64,iVBO', detail: 'auto' },
            { type: 'input_text', text: 'this' },
          ],
        },
      ],
      [{ role: 'user', content: 'see this', images: [{ mimeType: 'image/png', base64: 'iVBO' }] }],
    ],
    [
      'an answer that is sent back: its call belongs to its text, its reasoning is left out',
      [
        { type: 'reasoning', id: 'rs_1', summary: [], content: [{ type: 'reasoning_text', text: 'Hm' }] },
        {
          type: 'message',
          id: 'msg_1',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'so', annotations: [] }],
        },
        call,
        { ...call, call_id: 'c2' },
        { type: 'function_call_output', call_id: 'c1', output: '3' },
        { type: 'function_call_output', call_id: 'c2', output: [{ type: 'input_text', text: '4' }] },
      ],
      [
        { role: 'assistant', content: 'so', toolCalls: [called, { ...called, id: 'c2' }] },
        { role: 'tool', content: '3', toolCallId: 'c1' },
        { role: 'tool', content: '4', toolCallId: 'c2' },
      ],
    ],
    [
      'a call without text, and what refused',
      [{ role: 'user', content: 'add' }, call, { role: 'assistant', content: [{ type: 'refusal', refusal: 'no' }] }],
      [
        { role: 'user', content: 'add' },
        { role: 'assistant', content: '', toolCalls: [called] },
        { role: 'assistant', content: 'no' },
      ],
    ],
  ])('%s', (_, items, messages) => {
    expect(decoded(...items)).toEqual(messages)
  })
})

describe('refused, naming the item', () => {
  const user = { role: 'user', content: 'x' }
  test.each<[string, object]>([
    ['input[1].role', { type: 'message', content: 'x' }],
    ['input[1].content', { role: 'user' }],
    ['input[1].content', { role: 'user', content: [{ type: 'input_file', file_id: 'f' }] }],
    ['input[1].content', { role: 'user', content: [{ type: 'input_text' }] }],
    ['input[1].content', { role: 'user', content: [{ type: 'input_image', file_id: 'f' }] }],
    ['input[1].content', { role: 'user', content: [{ type: 'input_image', image_url: 'https://x/y.png' }] }],
    ['input[1]', { type: 'function_call', name: 'add', arguments: '{}' }],
    ['input[1]', { type: 'function_call', call_id: 'c1', arguments: '{}' }],
    ['input[1]', { type: 'function_call_output', output: '3' }],
    ['input[1].output', { type: 'function_call_output', call_id: 'c1' }],
    [
      'input[1].output',
      {
        ...{ type: 'function_call_output', call_id: 'c1' },
        output: [{ type: 'input_image', image_url: 'data:image/png;base64,iVBO' }],
      },
    ],
  ])('%s: %j', (where, item) => {
    expect(() => decoded(user, item)).toThrow(
      expect.objectContaining({ reason: 'invalid-request', message: expect.stringContaining(where) }),
    )
  })
})
