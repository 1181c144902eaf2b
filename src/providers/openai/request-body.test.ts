import { describe, expect, test } from 'vitest'
import type { GenerateRequest } from '../../spec/chat.ts'
import { toErrorData } from '../../spec/errors.ts'
import { LLAMA_SERVER, PLAIN_OPENAI } from './dialect.ts'
import { chatBody, completionBody } from './request-body.ts'

const ASKED: GenerateRequest = { messages: [{ role: 'user', content: 'hello' }], sampling: {}, stop: [] }
const TOOLS = [{ name: 'look', description: 'Looks.', parameters: { type: 'object' } }, { name: 'stop' }]

describe('a chat', () => {
  test('is a stream that ends with its usage, and says nothing that was not said', () => {
    expect(chatBody('m', ASKED, PLAIN_OPENAI)).toEqual({
      model: 'm',
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: 'user', content: 'hello' }],
    })
  })

  test('has sampling under OpenAI’s names, and local names only where they are taken', () => {
    const sampling = {
      temperature: 0,
      topK: 3,
      topP: 0.5,
      minP: 0.1,
      seed: 7,
      repeatPenalty: 1.1,
      frequencyPenalty: 0.2,
      presencePenalty: 0.3,
    }
    const asked = { ...ASKED, sampling, maxTokens: 9, stop: ['x'] }
    const plain = { temperature: 0, top_p: 0.5, seed: 7, frequency_penalty: 0.2, presence_penalty: 0.3 }
    expect(chatBody('m', asked, PLAIN_OPENAI)).toMatchObject({ ...plain, max_tokens: 9, stop: ['x'] })
    expect(chatBody('m', asked, PLAIN_OPENAI)).not.toHaveProperty('top_k')
    expect(chatBody('m', asked, LLAMA_SERVER)).toMatchObject({ ...plain, top_k: 3, min_p: 0.1, repeat_penalty: 1.1 })
    const newer = { ...PLAIN_OPENAI, maxTokensField: 'max_completion_tokens' } as const
    expect(chatBody('m', asked, newer)).toMatchObject({ max_completion_tokens: 9 })
  })

  test('carries pictures, calls and their results; what was thought stays here', () => {
    const messages = [
      { role: 'user', content: 'what is it?', images: [{ mimeType: 'image/png', base64: 'AAA=' }] },
      {
        role: 'assistant',
        content: '',
        reasoning: 'hm',
        toolCalls: [{ id: 'c1', name: 'look', arguments: '{"a":1}' }],
      },
      { role: 'tool', content: 'a cat', toolCallId: 'c1' },
    ] as const
    expect(chatBody('m', { ...ASKED, messages }, PLAIN_OPENAI)).toMatchObject({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'what is it?' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AAA=' } },
          ],
        },
        {
          role: 'assistant',
          content: '',
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '{"a":1}' } }],
        },
        { role: 'tool', content: 'a cat', tool_call_id: 'c1' },
      ],
    })
    expect(JSON.stringify(chatBody('m', { ...ASKED, messages }, PLAIN_OPENAI))).not.toContain('hm')
  })

  test('offers tools, and the named one alone where a name is not understood', () => {
    const asked = { ...ASKED, tools: TOOLS, toolChoice: { name: 'stop' }, parallelToolCalls: false }
    expect(chatBody('m', asked, PLAIN_OPENAI)).toMatchObject({
      tools: [{ function: { name: 'look' } }, { function: { name: 'stop' } }],
      tool_choice: { type: 'function', function: { name: 'stop' } },
      parallel_tool_calls: false,
    })
    expect(chatBody('m', asked, LLAMA_SERVER)).toMatchObject({
      tools: [{ type: 'function', function: { name: 'stop', parameters: { type: 'object', properties: {} } } }],
      tool_choice: 'required',
    })
    expect(chatBody('m', { ...ASKED, tools: [], toolChoice: 'required' }, LLAMA_SERVER)).not.toHaveProperty(
      'tool_choice',
    )
  })

  test('asks for JSON and for schemas, as the upstream understands them', () => {
    const schema = { type: 'object', properties: { a: {} } }
    expect(chatBody('m', { ...ASKED, format: { type: 'schema', schema } }, PLAIN_OPENAI)).toMatchObject({
      response_format: { type: 'json_schema', json_schema: { strict: true, schema } },
    })
    const json = { ...ASKED, format: { type: 'json' } } as const
    expect(chatBody('m', json, PLAIN_OPENAI)).toMatchObject({ response_format: { type: 'json_object' } })
    expect(chatBody('m', json, { ...PLAIN_OPENAI, takesJsonObject: false })).toMatchObject({
      response_format: { type: 'json_schema', json_schema: { schema: { type: 'object' } } },
    })
    expect(chatBody('m', { ...ASKED, format: { type: 'text' } }, PLAIN_OPENAI)).not.toHaveProperty('response_format')
  })

  test('asks for one alternative at least: none would mean no log probabilities', () => {
    expect(chatBody('m', { ...ASKED, topLogprobs: 0 }, LLAMA_SERVER)).toMatchObject({ logprobs: true, top_logprobs: 1 })
    expect(chatBody('m', { ...ASKED, topLogprobs: 5 }, LLAMA_SERVER)).toMatchObject({ logprobs: true, top_logprobs: 5 })
  })

  test('has no log probabilities of forms where some of them would be left out', () => {
    for (const form of [{ format: { type: 'json' } as const }, { tools: TOOLS }]) {
      const asked = { ...ASKED, ...form, topLogprobs: 1 }
      expect(() => chatBody('m', asked, LLAMA_SERVER)).toThrow('does not tell all log probabilities')
      expect(chatBody('m', asked, PLAIN_OPENAI)).toMatchObject({ logprobs: true })
    }
    const text = { ...ASKED, format: { type: 'text' }, topLogprobs: 1 } as const
    expect(chatBody('m', text, LLAMA_SERVER)).toMatchObject({ logprobs: true })
  })

  test('tells whether to think where a template can be told', () => {
    const asked = { ...ASKED, thinking: false }
    expect(chatBody('m', asked, LLAMA_SERVER)).toMatchObject({ chat_template_kwargs: { enable_thinking: false } })
    expect(chatBody('m', asked, PLAIN_OPENAI)).not.toHaveProperty('chat_template_kwargs')
  })
})

describe('a completion', () => {
  const asked = { ...ASKED, messages: [], completion: { prompt: 'Once' } }

  test('continues its prompt', () => {
    const body = completionBody('m', { ...asked, topLogprobs: 2, maxTokens: 4 }, PLAIN_OPENAI)
    expect(body).toMatchObject({ model: 'm', prompt: 'Once', logprobs: 2, max_tokens: 4, stream: true })
    expect(body).not.toHaveProperty('messages')
  })

  test('fills a gap, or says that it cannot', () => {
    const gap = { ...asked, completion: { prompt: 'a', suffix: 'c' } }
    expect(completionBody('m', gap, PLAIN_OPENAI)).toMatchObject({ prompt: 'a', suffix: 'c' })
    const refused = ((): unknown => {
      try {
        return completionBody('m', gap, LLAMA_SERVER)
      } catch (error) {
        return toErrorData(error).reason
      }
    })()
    expect(refused).toBe('suffix-unsupported')
  })
})
