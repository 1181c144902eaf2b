import { describe, expect, test } from 'vitest'
import type { ChatMessage } from '../../spec/chat.ts'
import { MAX_TOOLS } from '../../spec/tool-limits.ts'
import type { SentMessage } from './content-block.ts'
import { decodeCountRequest, decodeRequest } from './decode-request.ts'
import { decodeConversation } from './decode-turn.ts'

const hi = { role: 'user', content: 'hi' }

/** Of messages alone, as they may be counted. */
function messagesOf(messages: readonly object[], more: object = {}): readonly ChatMessage[] {
  return decodeCountRequest({ messages, ...more }).request.messages
}

function refusal(body: object): string {
  try {
    decodeRequest({ messages: [hi], ...body })
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('it was taken')
}

test('all that is understood of a request', () => {
  const { request, said, showsThinking } = decodeRequest({
    model: 'tiny',
    max_tokens: 7,
    messages: [hi],
    system: 'Be brief.',
    stop_sequences: ['END'],
    ...{ temperature: 0.5, top_p: 0.9, top_k: 4, stream: true },
    metadata: { user_id: 'somebody', conversation_id: 'mine' },
    ...{ keep_alive: '5m', priority: 2 },
  })
  expect(request).toEqual({
    model: 'tiny',
    maxTokens: 7,
    messages: [{ role: 'system', content: 'Be brief.' }, hi],
    stop: ['END'],
    sampling: { temperature: 0.5, topP: 0.9, topK: 4 },
    isStreamed: true,
    thinking: false,
  })
  expect(said).toMatchObject({ conversationId: 'mine', wish: { keep_alive: '5m', priority: 2 } })
  expect(showsThinking).toBe(false)
})

test('fields that only Anthropic’s servers have a use for are accepted', () => {
  const cache_control = { type: 'ephemeral', ttl: '1h' }
  const asked = decodeRequest({
    ...{
      cache_control,
      service_tier: 'auto',
      container: null,
      context_management: { edits: [] },
      mcp_servers: [],
      thread: null,
    },
    system: [{ type: 'text', text: 'Be brief.', cache_control }],
    messages: [{ role: 'user', content: [{ type: 'text', text: 'hi', cache_control }] }],
    output_config: { effort: 'high' },
  })
  expect(asked.request.messages).toEqual([{ role: 'system', content: 'Be brief.' }, hi])
  expect(asked.request.format).toBeUndefined()
})

test('a user id names no conversation', () => {
  expect(decodeRequest({ messages: [hi], metadata: { user_id: 'u' } }).said.conversationId).toBeUndefined()
})

describe('messages', () => {
  const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }
  const picture = { mimeType: 'image/png', base64: 'AAAA' }

  test('blocks of a user are texts on lines of their own, and pictures', () => {
    const content = [{ type: 'text', text: 'Look:' }, image, { type: 'text', text: 'What is it?' }]
    expect(messagesOf([{ role: 'user', content }])).toEqual([
      { role: 'user', content: 'Look:\nWhat is it?', images: [picture] },
    ])
  })

  test('documents of text and search results are text', () => {
    const content = [
      { type: 'document', title: 'T', source: { type: 'text', media_type: 'text/plain', data: 'one' } },
      { type: 'document', context: 'C', source: { type: 'content', content: [{ type: 'text', text: 'two' }] } },
      { type: 'search_result', title: 'S', source: 'here', content: [{ type: 'text', text: 'three' }] },
    ]
    expect(messagesOf([{ role: 'user', content }])).toEqual([
      { role: 'user', content: 'T\none\nC\ntwo\nS\nhere\nthree' },
    ])
  })

  test('an answer’s text is joined as it was, its thoughts and calls are told apart', () => {
    const content = [
      { type: 'thinking', thinking: 'Hm.', signature: '' },
      { type: 'redacted_thinking', data: 'x' },
      { type: 'text', text: 'One ' },
      { type: 'tool_use', id: 'a', name: 'add', input: { n: 1 } },
      { type: 'text', text: 'two.' },
      { type: 'tool_use', id: 'b', name: 'add', input: 'no object' },
    ]
    expect(messagesOf([hi, { role: 'assistant', content }])).toEqual([
      hi,
      {
        role: 'assistant',
        content: 'One two.',
        toolCalls: [
          { id: 'a', name: 'add', arguments: '{"n":1}' },
          { id: 'b', name: 'add', arguments: 'no object' },
        ],
        reasoning: 'Hm.',
      },
    ])
  })

  test('results of tools become messages in front of what the user says', () => {
    const content = [
      { type: 'text', text: 'And now?' },
      { type: 'tool_result', tool_use_id: 'a', content: 'first' },
      { type: 'tool_result', tool_use_id: 'b', content: [{ type: 'text', text: 'second' }, image] },
      { type: 'tool_result', tool_use_id: 'c', content: 'no such file', is_error: true },
      { type: 'tool_result', tool_use_id: 'd', is_error: true },
      { type: 'tool_result', tool_use_id: 'e', content: [{ type: 'tool_reference', tool_name: 'add' }] },
    ]
    expect(messagesOf([{ role: 'user', content }])).toEqual([
      { role: 'tool', content: 'first', toolCallId: 'a' },
      { role: 'tool', content: 'second', toolCallId: 'b' },
      { role: 'tool', content: 'The call failed: no such file', toolCallId: 'c' },
      { role: 'tool', content: 'The call failed:', toolCallId: 'd' },
      { role: 'tool', content: 'add', toolCallId: 'e' },
      { role: 'user', content: 'And now?', images: [picture] },
    ])
    expect(messagesOf([{ role: 'user', content: [content[1]] }])).toHaveLength(1)
  })

  test('messages of one role that follow each other are one turn', () => {
    const call = { type: 'tool_use', id: 'a', name: 'add', input: {} }
    expect(
      messagesOf([
        ...[hi, { role: 'user', content: 'there' }],
        ...[
          { role: 'assistant', content: 'Well' },
          { role: 'assistant', content: [call] },
        ],
        { role: 'system', content: 'Be brief.' },
        ...[{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a' }] }, hi],
      ]),
    ).toEqual([
      { role: 'user', content: 'hi\nthere' },
      { role: 'assistant', content: 'Well', toolCalls: [{ id: 'a', name: 'add', arguments: '{}' }] },
      { role: 'system', content: 'Be brief.' },
      { role: 'tool', content: '', toolCallId: 'a' },
      hi,
    ])
  })

  test('an answer without a word is taken back', () => {
    expect(messagesOf([hi, { role: 'assistant', content: [] }, hi])).toEqual([
      hi,
      { role: 'assistant', content: '' },
      hi,
    ])
  })

  test('the line that changes with each request of Claude Code is left out of the system prompt', () => {
    const billing = { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1; cch=9a1b2;' }
    const system = [billing, { type: 'text', text: 'You are one.' }, { type: 'text', text: 'Be brief.' }]
    expect(messagesOf([hi], { system })).toEqual([{ role: 'system', content: 'You are one.\nBe brief.' }, hi])
    expect(messagesOf([hi], { system: [billing] })).toEqual([hi])
  })
})

describe('tools', () => {
  const input_schema = { type: 'object', properties: { n: { type: 'number' } } }
  const tools = [
    { name: 'add', description: 'adds', input_schema, strict: true },
    { name: 'now', type: 'custom', input_schema },
  ]
  const options = (tool_choice?: object): object => decodeRequest({ messages: [hi], tools, tool_choice }).request

  test('are the tools of every dialect', () => {
    expect(options()).toMatchObject({
      tools: [
        { name: 'add', description: 'adds', parameters: input_schema, strict: true },
        { name: 'now', parameters: input_schema },
      ],
    })
    expect(options()).not.toHaveProperty('toolChoice')
  })

  test.each([
    [{ type: 'auto' }, { toolChoice: 'auto' }],
    [{ type: 'any' }, { toolChoice: 'required' }],
    [{ type: 'none' }, { toolChoice: 'none' }],
    [{ type: 'tool', name: 'now' }, { toolChoice: { name: 'now' } }],
    [
      { type: 'auto', disable_parallel_tool_use: true },
      { toolChoice: 'auto', parallelToolCalls: false },
    ],
  ])('%j', (choice, expected) => {
    expect(options(choice)).toMatchObject(expected)
  })

  test('so many and no more', () => {
    const many = (count: number): object => ({
      tools: Array.from({ length: count }, (_, at) => ({ name: `t${at}`, input_schema })),
    })
    for (const count of [MAX_TOOLS - 1, MAX_TOOLS]) {
      expect(decodeRequest({ messages: [hi], ...many(count) }).request.tools).toHaveLength(count)
    }
    expect(refusal(many(MAX_TOOLS + 1))).toMatch(/^tools: /)
  })
})

describe('thinking', () => {
  test.each([
    [undefined, false, false],
    [null, false, false],
    [{ type: 'disabled' }, false, false],
    [{ type: 'enabled', budget_tokens: 1024 }, true, true],
    [{ type: 'adaptive', display: 'summarized' }, true, true],
    [{ type: 'adaptive', display: 'omitted' }, true, false],
    [{ type: 'between_tools' }, true, true],
  ])('%j', (thinking, isOn, isShown) => {
    const { request, showsThinking } = decodeRequest({ messages: [hi], thinking })
    expect([request.thinking, showsThinking]).toEqual([isOn, isShown])
  })
})

test.each(['output_config', 'output_format'])('a schema in %s is the form of the answer', (field) => {
  const format = { type: 'json_schema', schema: { type: 'object' } }
  const { request } = decodeRequest({ messages: [hi], [field]: field === 'output_format' ? format : { format } })
  expect(request.format).toEqual({ type: 'schema', schema: { type: 'object' } })
})

describe('what is refused names its field', () => {
  const said = (...content: object[]): object => ({ messages: [{ role: 'user', content }] })
  const answered = (...content: object[]): object => ({ messages: [hi, { role: 'assistant', content }, hi] })
  test.each<[object, RegExp]>([
    [{ messages: [] }, /^messages: /],
    [{ messages: 'hi' }, /^messages: /],
    [{ messages: [{ role: 'robot', content: 'x' }] }, /^messages\[0\]\.role: must be user, assistant or system/],
    [{ messages: [{ role: 'user' }] }, /^messages\[0\]\.content: must be a text or a list/],
    [said({ type: 'poem' }), /^messages\[0\]\.content\[0\]\.type: must be text, image/],
    [said({ type: 'text' }), /^messages\[0\]\.content\[0\]\.text: /],
    [said({ type: 'tool_use', id: 'a', name: 'b', input: {} }), /^messages\[0\]\.content\[0\]\.type: /],
    [answered({ type: 'server_tool_use', id: 'a', name: 'web_search', input: {} }), /content\[0\]\.type: .*servers/],
    [answered({ type: 'tool_result', tool_use_id: 'a' }), /^messages\[1\]\.content\[0\]\.type: /],
    [
      said({ type: 'image', source: { type: 'url', url: 'http://x/y.png' } }),
      /source\.type: must be base64: .*fetched/,
    ],
    [said({ type: 'image', source: { type: 'base64', media_type: 'text/html', data: 'AA' } }), /source\.media_type: /],
    [said({ type: 'image', source: { type: 'base64', media_type: 'image/png', data: '<>' } }), /source\.data: /],
    [said({ type: 'document', source: { type: 'base64', data: 'AA' } }), /source\.type: must be text or content: PDFs/],
    [said({ type: 'tool_result', tool_use_id: 'a', content: [{ type: 'x' }] }), /content\[0\]\.content\[0\]\.type: /],
    [{ system: [{ type: 'image' }] }, /^system\[0\]\.type: /],
    [{ system: 5 }, /^system: /],
    [{ max_tokens: 0 }, /^max_tokens: /],
    [{ temperature: 'hot' }, /^temperature: /],
    [{ thinking: { type: 'hard' } }, /^thinking\.type: must be enabled/],
    [{ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, /^tools\[0\]\.type: must be custom: .*servers/],
    [{ tools: [{ name: 'no name', input_schema: {} }] }, /^tools\[0\]\.name: /],
    [{ tools: [{ name: 'add' }] }, /^tools\[0\]\.input_schema: /],
    [{ tool_choice: { type: 'some' } }, /^tool_choice\.type: must be auto/],
    [{ tool_choice: { type: 'any' } }, /^tool_choice asks for a call/],
    [{ tools: [{ name: 'a', input_schema: {} }], tool_choice: { type: 'tool', name: 'b' } }, /^tool_choice names 'b'/],
    [{ tools: [{ name: 'a', input_schema: {} }], tool_choice: { type: 'tool' } }, /^tool_choice\.name: /],
    [{ output_config: { format: { type: 'yaml' } } }, /^output_config\.format\.type: must be json_schema/],
    [{ mcp_servers: [{ url: 'http://x' }] }, /^mcp_servers: are not served/],
    [{ thread: { type: 'create' } }, /^thread: is not served/],
    [{ keep_alive: 'soon', pin: 'yes' }, /^pin: must be true or false/],
    [{ messages: [hi, { role: 'assistant', content: '{' }] }, /^messages: the last one is the assistant's/],
  ])('%j', (body, message) => {
    expect(refusal(body)).toMatch(message)
  })

  test('10,000 messages and no more', () => {
    const many = (count: number): object[] =>
      Array.from({ length: count }, (_, at) => (at % 2 === 0 ? hi : { role: 'assistant', content: 'x' }))
    for (const count of [9_999, 10_000]) expect(messagesOf(many(count))).toHaveLength(count)
    expect(refusal({ messages: many(10_001) })).toMatch(/^messages: /)
  })

  test('what an assistant said last can be counted', () => {
    expect(messagesOf([hi, { role: 'assistant', content: 'Well' }])).toHaveLength(2)
  })
})

test('one turn in very many messages takes time by its length, not by its square', () => {
  const content = Array.from({ length: 100 }, () => ({ type: 'text', text: 'a' }) as const)
  const sent = Array.from({ length: 10_000 }, (): SentMessage => ({ role: 'user', content }))
  const startMs = performance.now()
  expect(decodeConversation([], sent)).toHaveLength(1)
  // Some 2 s on a busy machine; joined message by message it was more than 40.
  expect(performance.now() - startMs).toBeLessThan(20_000)
}, 90_000)
