import { expect, test } from 'vitest'
import type { GenerateRequest, ToolDefinition } from '../../spec/chat.ts'
import { type AnsweringModel, answerRequest } from './answer-request.ts'

const MODEL: AnsweringModel = {
  name: 'llama3.2:1b',
  signature: { contextTokens: 4_096, batchTokens: 512, gpuLayers: -1, threads: 0 },
  keepAlive: '24h',
  stop: ['<|im_end|>'],
  canThink: true,
}
const ASK: GenerateRequest = { messages: [{ role: 'user', content: 'hello' }], sampling: {}, stop: [] }
const TOOLS: readonly ToolDefinition[] = [{ name: 'now' }]

const body = (
  request: Partial<GenerateRequest>,
  model: Partial<AnsweringModel> = {},
): Readonly<Record<string, unknown>> => answerRequest({ ...ASK, ...request }, { ...MODEL, ...model }).body

test('a plain request says nothing that was not asked for', () => {
  expect(answerRequest(ASK, MODEL)).toEqual({
    path: '/api/chat',
    body: {
      model: 'llama3.2:1b',
      stream: true,
      keep_alive: '24h',
      truncate: false,
      shift: false,
      options: { num_ctx: 4_096, num_batch: 512, num_gpu: -1, num_thread: 0 },
      messages: [{ role: 'user', content: 'hello' }],
    },
  })
})

test('sampling, length and stop strings are options; the own stop strings of the model stay', () => {
  const sampling = {
    temperature: 0,
    topK: 1,
    topP: 0.5,
    minP: 0.1,
    seed: 7,
    repeatPenalty: 1.2,
    frequencyPenalty: 1,
    presencePenalty: 2,
  }
  expect(body({ sampling, maxTokens: 9, stop: ['.', '<|im_end|>'] })['options']).toEqual({
    ...(body({})['options'] as object),
    temperature: 0,
    top_k: 1,
    top_p: 0.5,
    min_p: 0.1,
    seed: 7,
    repeat_penalty: 1.2,
    frequency_penalty: 1,
    presence_penalty: 2,
    num_predict: 9,
    stop: ['<|im_end|>', '.'],
  })
})

test('pictures, calls and their results are a part of the history; thoughts are not', () => {
  const messages = [
    { role: 'user', content: 'what time is it?', images: [{ mimeType: 'image/png', base64: 'AAAA' }] },
    {
      role: 'assistant',
      content: '',
      reasoning: 'hm',
      toolCalls: [{ id: 'a1', name: 'now', arguments: '{"zone":"UTC"}' }],
    },
    { role: 'tool', content: 'noon', toolCallId: 'a1' },
    { role: 'assistant', content: '', toolCalls: [{ id: 'a2', name: 'now', arguments: '' }] },
    { role: 'tool', content: 'later', toolCallId: 'unknown' },
  ] as const
  expect(body({ messages })['messages']).toEqual([
    { role: 'user', content: 'what time is it?', images: ['AAAA'] },
    {
      role: 'assistant',
      content: '',
      tool_calls: [{ id: 'a1', function: { name: 'now', arguments: { zone: 'UTC' } } }],
    },
    { role: 'tool', content: 'noon', tool_call_id: 'a1', tool_name: 'now' },
    { role: 'assistant', content: '', tool_calls: [{ id: 'a2', function: { name: 'now', arguments: {} } }] },
    { role: 'tool', content: 'later', tool_call_id: 'unknown' },
  ])
  for (const written of ['{"half', '[1]', 'null']) {
    const broken = [
      { role: 'assistant' as const, content: '', toolCalls: [{ id: 'a', name: 'now', arguments: written }] },
    ]
    expect(() => body({ messages: broken })).toThrow(expect.objectContaining({ reason: 'invalid-request' }))
  }
})

test('tools are offered, left out, or refused where they would be left to chance', () => {
  expect(body({ tools: TOOLS })['tools']).toEqual([
    {
      type: 'function',
      function: { name: 'now', description: '', parameters: { type: 'object', properties: {} } },
    },
  ])
  expect(body({ tools: TOOLS, toolChoice: 'none' })).not.toHaveProperty('tools')
  const refused = expect.objectContaining({ reason: 'tools-unsupported' })
  expect(() => body({ tools: TOOLS, toolChoice: 'required' })).toThrow(refused)
  expect(() => body({ tools: TOOLS, toolChoice: { name: 'now' } })).toThrow(refused)
  expect(() => body({ tools: [{ name: 'now', strict: true }] })).toThrow(refused)
})

test('forms, thinking and log probabilities', () => {
  expect(body({ format: { type: 'json' } })['format']).toBe('json')
  expect(body({ format: { type: 'schema', schema: { type: 'object' } } })['format']).toEqual({ type: 'object' })
  expect(body({ format: { type: 'text' } })).not.toHaveProperty('format')
  expect(body({ thinking: false })['think']).toBe(false)
  expect(body({ thinking: true }, { canThink: false })).not.toHaveProperty('think')
  expect(body({ topLogprobs: 0 })).toMatchObject({ logprobs: true, top_logprobs: 0 })
  const refused = expect.objectContaining({ reason: 'logprobs-unsupported' })
  expect(() => body({ topLogprobs: 2, format: { type: 'json' } })).toThrow(refused)
})

test('text is continued raw; a gap is filled by the model’s own template', () => {
  const completion = { prompt: 'Once' }
  expect(answerRequest({ ...ASK, messages: [], completion }, MODEL)).toMatchObject({
    path: '/api/generate',
    body: { prompt: 'Once', raw: true },
  })
  const filled = answerRequest({ ...ASK, messages: [], completion: { ...completion, suffix: 'end' } }, MODEL).body
  expect(filled).toMatchObject({ prompt: 'Once', suffix: 'end' })
  expect(filled).not.toHaveProperty('raw')
})
