import { describe, expect, test } from 'vitest'
import type { RawRequest } from '../../spec/chat.ts'
import { LLAMA_SERVER, type OpenAiDialect, PLAIN_OPENAI } from './dialect.ts'
import { relayedBody } from './relayed-body.ts'

const MESSAGES = [{ role: 'user', content: 'hi' }]
const raw = (body: object): RawRequest => ({
  dialect: 'openai-chat',
  body: { model: 'server:m', messages: MESSAGES, ...body },
  isStreamed: false,
})
const relayed = (body: object, dialect: OpenAiDialect): unknown => relayedBody('there', raw(body), dialect)

describe('a request goes on as it is', () => {
  test('under the engine’s own name of the model', () => {
    expect(relayed({ temperature: 0, logit_bias: { 5: 1 } }, PLAIN_OPENAI)).toEqual({
      ...{ model: 'there', messages: MESSAGES, temperature: 0, logit_bias: { 5: 1 } },
    })
  })

  test('with what grym adds to every stream of a llama-server', () => {
    expect(relayed({ stream: true, n_probs: 2 }, LLAMA_SERVER)).toEqual({
      ...{ model: 'there', messages: MESSAGES, stream: true, n_probs: 2, sse_ping_interval: 3 },
    })
    expect(relayed({}, LLAMA_SERVER)).not.toHaveProperty('sse_ping_interval')
  })
})

describe('a request that has to change does not', () => {
  const tools = [{ type: 'function', function: { name: 'add' } }]
  test.each<[string, object, OpenAiDialect, OpenAiDialect | undefined]>([
    ['a field that OpenAI does not know', { top_k: 5 }, PLAIN_OPENAI, LLAMA_SERVER],
    ['another name of the limit', { max_completion_tokens: 5 }, PLAIN_OPENAI, undefined],
    [
      'a named tool',
      { tools, tool_choice: { type: 'function', function: { name: 'add' } } },
      LLAMA_SERVER,
      PLAIN_OPENAI,
    ],
    ['log probabilities of a form', { tools, logprobs: true, top_logprobs: 1 }, LLAMA_SERVER, PLAIN_OPENAI],
    ['log probabilities without alternatives', { logprobs: true }, PLAIN_OPENAI, undefined],
    ['an effort', { reasoning_effort: 'none' }, LLAMA_SERVER, PLAIN_OPENAI],
    ['a developer’s message', { messages: [{ role: 'developer', content: 'x' }] }, PLAIN_OPENAI, undefined],
    ['thoughts', { messages: [{ role: 'assistant', content: 'x', reasoning_content: 'y' }] }, LLAMA_SERVER, undefined],
    [
      'a picture in the short form',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: 'data:image/png;base64,AA' }] }] },
      PLAIN_OPENAI,
      undefined,
    ],
    [
      'any JSON object, where only schemas are taken',
      { response_format: { type: 'json_object' } },
      { ...PLAIN_OPENAI, takesJsonObject: false },
      PLAIN_OPENAI,
    ],
  ])('%s', (_, body, changing, taking) => {
    expect(relayed(body, changing)).toBeUndefined()
    if (taking) expect(relayed(body, taking)).toMatchObject(body)
  })
})
