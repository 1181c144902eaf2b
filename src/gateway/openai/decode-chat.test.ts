import { describe, expect, test } from 'vitest'
import { decodeChat } from './decode-chat.ts'

const messages = [{ role: 'user', content: 'hi' }]

test('every option arrives under its own name', () => {
  const { request, includeUsage } = decodeChat({
    model: 'a',
    messages: [
      {
        role: 'developer',
        content: [
          { type: 'text', text: 'be ' },
          { type: 'text', text: 'brief' },
        ],
      },
      ...messages,
    ],
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: 5,
    max_completion_tokens: 6,
    temperature: 0,
    top_p: 0.5,
    top_k: 3,
    min_p: 0.1,
    seed: -1,
    repeat_penalty: 1.1,
    frequency_penalty: -2,
    presence_penalty: 2,
    stop: 'x',
    user: 'ignored',
  })
  expect(request).toEqual({
    model: 'a',
    messages: [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'hi' },
    ],
    sampling: {
      temperature: 0,
      topP: 0.5,
      topK: 3,
      minP: 0.1,
      seed: -1,
      repeatPenalty: 1.1,
      frequencyPenalty: -2,
      presencePenalty: 2,
    },
    stop: ['x'],
    isStreamed: true,
    maxTokens: 6,
  })
  expect(includeUsage).toBe(true)
})

test('what is left out, or null, is left to the engine', () => {
  const { request } = decodeChat({ messages, model: null, temperature: null, stop: null, max_tokens: null })
  expect(request).toEqual({ model: undefined, messages, sampling: {}, stop: [], isStreamed: false })
})

test('tools that may not be used change nothing', () => {
  expect(decodeChat({ messages, tools: [{}], tool_choice: 'none' }).request.messages).toEqual(messages)
})

describe('refused, naming the field', () => {
  test.each([
    ['messages', { messages: [] }],
    ['messages[0].role', { messages: [{ role: 'robot' }] }],
    ['messages[0].content', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }],
    ['temperature', { messages, temperature: 2.1 }],
    ['temperature', { messages, temperature: Infinity }],
    ['top_p', { messages, top_p: -0.1 }],
    ['max_tokens', { messages, max_tokens: 0 }],
    ['max_tokens', { messages, max_tokens: 1.5 }],
    ['stop', { messages, stop: Array.from({ length: 17 }, () => 'x') }],
    ['stop', { messages, stop: 'x'.repeat(1_001) }],
    ['n', { messages, n: 2 }],
    ['tools', { messages, tools: [{}] }],
    ['response_format', { messages, response_format: { type: 'json_object' } }],
    ['logprobs', { messages, logprobs: true }],
    ['the body', 'text'],
    ['the body', null],
    ['the body', []],
  ])('%s', (field, body) => {
    expect(() => decodeChat(body)).toThrow(
      expect.objectContaining({ reason: 'invalid-request', message: expect.stringContaining(field) }),
    )
  })

  test('limits themselves are allowed', () => {
    const stop = Array.from({ length: 16 }, () => 'x'.repeat(1_000))
    expect(decodeChat({ messages, stop, temperature: 2, top_p: 1, max_tokens: 1 }).request.stop).toEqual(stop)
  })
})
