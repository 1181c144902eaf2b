import { describe, expect, test } from 'vitest'
import { decodeResponse } from './decode-response.ts'

const add = { type: 'function', name: 'add', parameters: { type: 'object' } }
const now = { type: 'function', name: 'now', description: 'the time', strict: true }

test('every option arrives under its own name', () => {
  const schema = { type: 'object' }
  const decoded = decodeResponse({
    ...{ model: 'a', input: 'hi', instructions: 'be brief', previous_response_id: 'resp_0', store: false },
    ...{ stream: true, max_output_tokens: 5, temperature: 0, top_p: 0.5, seed: 7, keep_alive: '5m', ttl: 9 },
    ...{ tools: [add, now], tool_choice: { type: 'function', name: 'now' }, parallel_tool_calls: false },
    ...{ text: { format: { type: 'json_schema', name: 'x', schema, strict: true }, verbosity: 'low' } },
    ...{ reasoning: { effort: 'none', summary: 'auto' }, top_logprobs: 3, include: ['reasoning.encrypted_content'] },
    ...{ metadata: { conversation_id: 'm' }, prompt_cache_key: 'p', truncation: 'auto', background: false },
    ...{ user: 'u', safety_identifier: 's', service_tier: 'auto', unknown: 1 },
  })
  expect(decoded).toMatchObject({
    request: {
      ...{ model: 'a', isStreamed: true, maxTokens: 5, sampling: { temperature: 0, topP: 0.5, seed: 7 }, stop: [] },
      tools: [
        { name: 'add', parameters: { type: 'object' } },
        { name: 'now', description: 'the time', strict: true },
      ],
      ...{ toolChoice: { name: 'now' }, parallelToolCalls: false, format: { type: 'schema', schema } },
      ...{ topLogprobs: 3, thinking: false },
    },
    input: [{ type: 'message', role: 'user', content: 'hi' }],
    ...{ instructions: 'be brief', previousId: 'resp_0', isStored: false },
    said: { conversationId: 'm', wish: { keep_alive: '5m', ttl: 9 } },
  })
})

test('what is left out, or null, is left to the engine, and the response is kept', () => {
  const nothing = { model: null, temperature: null, tools: null, tool_choice: null, text: null, store: null }
  const more = { reasoning: null, include: null, metadata: null, previous_response_id: null, conversation: null }
  for (const said of [{}, { ...nothing, ...more }]) {
    const { request, isStored, previousId } = decodeResponse({ input: 'hi', ...said })
    expect(request).toEqual({ model: undefined, sampling: {}, stop: [], isStreamed: false })
    expect([isStored, previousId]).toEqual([true, undefined])
  }
})

test('allowed tools are those that the model is told of', () => {
  const tool_choice = { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'add' }] }
  const { request } = decodeResponse({ input: 'hi', tools: [add, now], tool_choice })
  expect(request).toMatchObject({ tools: [{ name: 'add' }], toolChoice: 'required' })
})

test.each([
  [{}, undefined],
  [{ top_logprobs: 0 }, 0],
  [{ include: ['message.output_text.logprobs'] }, 0],
  [{ include: ['message.output_text.logprobs'], top_logprobs: 4 }, 4],
])('log probabilities of %j: %s', (said, most) => {
  expect(decodeResponse({ input: 'hi', ...said }).request.topLogprobs).toBe(most)
})

describe('refused, naming the field', () => {
  const tools = [add]
  test.each<[string, unknown]>([
    ['input', {}],
    ['input', { input: [] }],
    ['input', { input: 5 }],
    ['input', { input: Array.from({ length: 10_001 }, () => ({ role: 'user', content: 'x' })) }],
    ['input[0]', { input: ['hi'] }],
    ['input[0].role', { input: [{ role: 'robot', content: 'x' }] }],
    ['input', { input: [{ type: 'web_search_call' }] }],
    ['instructions', { input: 'hi', instructions: ['be brief'] }],
    ['max_output_tokens', { input: 'hi', max_output_tokens: 0 }],
    ['temperature', { input: 'hi', temperature: 2.1 }],
    ['tools[0].type', { input: 'hi', tools: [{ type: 'web_search' }] }],
    ['tools[0].name', { input: 'hi', tools: [{ type: 'function', name: 'a"b' }] }],
    ['tools', { input: 'hi', tools: Array.from({ length: 129 }, () => add) }],
    ['tool_choice', { input: 'hi', tools, tool_choice: 'maybe' }],
    ['tool_choice', { input: 'hi', tools, tool_choice: { type: 'file_search' } }],
    ['tool_choice', { input: 'hi', tools, tool_choice: { type: 'function', name: 'sub' } }],
    ['tool_choice', { input: 'hi', tool_choice: 'required' }],
    ['tool_choice', { input: 'hi', tools, tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [now] } }],
    ['text.format', { input: 'hi', text: { format: { type: 'yaml' } } }],
    ['text.format', { input: 'hi', text: { format: { type: 'json_schema', name: 'x' } } }],
    ['reasoning.effort', { input: 'hi', reasoning: { effort: 'enormous' } }],
    ['top_logprobs', { input: 'hi', top_logprobs: 21 }],
    ['truncation', { input: 'hi', truncation: 'middle' }],
    ['background', { input: 'hi', background: true }],
    ['conversation', { input: 'hi', conversation: 'conv_1' }],
    ['prompt', { input: 'hi', prompt: { id: 'pmpt_1' } }],
    ['logit_bias', { input: 'hi', logit_bias: { 1: 1 } }],
    ['store', { input: 'hi', store: 'yes' }],
  ])('%s', (param, body) => {
    expect(() => decodeResponse(body)).toThrow(
      expect.objectContaining({ reason: 'invalid-request', details: { param } }),
    )
  })

  test('limits themselves are allowed', () => {
    const input = Array.from({ length: 10_000 }, () => ({ role: 'user', content: 'x' }))
    expect(decodeResponse({ input, tools: Array.from({ length: 128 }, () => add) }).input).toHaveLength(10_000)
  })
})
