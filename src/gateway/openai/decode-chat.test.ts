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

const add = { type: 'function', function: { name: 'add', parameters: { type: 'object' } } }

test('how the answer is to come about arrives under its own name', () => {
  const { request } = decodeChat({
    messages,
    tools: [add, { type: 'function', function: { name: 'now', description: 'the time', strict: true } }],
    tool_choice: { type: 'function', function: { name: 'now' } },
    parallel_tool_calls: false,
    response_format: { type: 'json_schema', json_schema: { name: 'x', strict: true, schema: { type: 'string' } } },
    logprobs: true,
    top_logprobs: 3,
    reasoning_effort: 'none',
  })
  expect(request).toMatchObject({
    tools: [
      { name: 'add', parameters: { type: 'object' } },
      { name: 'now', description: 'the time', strict: true },
    ],
    toolChoice: { name: 'now' },
    parallelToolCalls: false,
    format: { type: 'schema', schema: { type: 'string' } },
    topLogprobs: 3,
    thinking: false,
  })
})

test('what changes nothing is not passed on', () => {
  const nothing = {
    ...{ tools: [], tool_choice: 'auto', response_format: { type: 'text' }, logprobs: false, logit_bias: {} },
    ...{ modalities: ['text'], audio: null, functions: null, function_call: null, prediction: { type: 'content' } },
  }
  expect(decodeChat({ messages, ...nothing }).request).toEqual(decodeChat({ messages }).request)
})

test('an image is passed on: whether it can be seen is the model’s matter', () => {
  const content = [{ type: 'image_url', image_url: { url: 'data:image/png;base64,iVBO' } }]
  const { messages: decoded } = decodeChat({ messages: [{ role: 'user', content }] }).request
  expect(decoded[0]?.images).toEqual([{ mimeType: 'image/png', base64: 'iVBO' }])
})

describe('refused, naming the field', () => {
  test.each([
    ['messages', { messages: [] }],
    ['messages[0].role', { messages: [{ role: 'robot' }] }],
    ['messages[0].content', { messages: [{ role: 'user', content: [{ type: 'video' }] }] }],
    ['temperature', { messages, temperature: 2.1 }],
    ['temperature', { messages, temperature: Infinity }],
    ['top_p', { messages, top_p: -0.1 }],
    ['max_tokens', { messages, max_tokens: 0 }],
    ['max_tokens', { messages, max_tokens: 1.5 }],
    ['stop', { messages, stop: Array.from({ length: 17 }, () => 'x') }],
    ['stop', { messages, stop: 'x'.repeat(1_001) }],
    ['n', { messages, n: 2 }],
    ['tools', { messages, tools: [{}] }],
    ['tools', { messages, tools: [{ type: 'web_search' }] }],
    ['tools', { messages, tools: [{ type: 'function', function: { name: 'a"b' } }] }],
    ['tools', { messages, tools: Array.from({ length: 129 }, () => add) }],
    ['tool_choice', { messages, tools: [add], tool_choice: 'maybe' }],
    ['tool_choice', { messages, tools: [add], tool_choice: { type: 'function', function: { name: 'sub' } } }],
    ['tool_choice', { messages, tool_choice: 'required' }],
    ['response_format', { messages, response_format: { type: 'yaml' } }],
    ['response_format', { messages, response_format: { type: 'json_schema' } }],
    ['top_logprobs', { messages, top_logprobs: 2 }],
    ['top_logprobs', { messages, logprobs: true, top_logprobs: 21 }],
    ['functions', { messages, functions: [] }],
    ['function_call', { messages, function_call: 'auto' }],
    ['logit_bias', { messages, logit_bias: { 50256: -100 } }],
    ['reasoning_effort', { messages, reasoning_effort: 'enormous' }],
    ['modalities', { messages, modalities: ['text', 'audio'] }],
    ['audio', { messages, audio: { voice: 'alloy', format: 'wav' } }],
    ['web_search_options', { messages, web_search_options: {} }],
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
