import { describe, expect, test } from 'vitest'
import { decodeChat } from './decode-chat.ts'
import { decodeGenerate } from './decode-generate.ts'

const PNG = Buffer.from('\x89PNG\r\n\x1a\n________', 'latin1').toString('base64')
const JPEG = Buffer.from('\xff\xd8\xff\xe0________', 'latin1').toString('base64')
const WEBP = Buffer.from('RIFF\x01\x02\x03\x04WEBPVP8 ', 'latin1').toString('base64')
const GIF = Buffer.from('GIF89a________', 'latin1').toString('base64')
const user = (more: object = {}): object => ({ role: 'user', content: 'hi', ...more })
const chat = (body: object): ReturnType<typeof decodeChat>['request'] =>
  decodeChat({ messages: [user()], ...body }).request

describe('options', () => {
  test('every sampling option has its place', () => {
    const options = {
      ...{ temperature: 0.5, top_k: 20, top_p: 0.9, min_p: 0.1, seed: 7, repeat_penalty: 1.1 },
      ...{ presence_penalty: 0.2, frequency_penalty: 0.3, num_predict: 9, stop: ['.'] },
    }
    expect(chat({ options })).toMatchObject({
      sampling: {
        ...{ temperature: 0.5, topK: 20, topP: 0.9, minP: 0.1, seed: 7, repeatPenalty: 1.1 },
        ...{ presencePenalty: 0.2, frequencyPenalty: 0.3 },
      },
      maxTokens: 9,
      stop: ['.'],
    })
  })

  test.each([-2, -1, 0])('num_predict %i is no bound', (most) => {
    expect(chat({ options: { num_predict: most } })).not.toHaveProperty('maxTokens')
  })

  test('the words for "nothing said": a seed of -1, null, and what others send', () => {
    const options = { seed: -1, temperature: null, top_k: -1, mirostat: 2, num_gpu: 99, use_mmap: true, num_batch: 8 }
    expect(chat({ options })).toMatchObject({ sampling: { topK: 0 }, stop: [] })
    expect(chat({ options }).sampling).toEqual({ topK: 0 })
    expect(chat({ options: null }).sampling).toEqual({})
  })

  test('num_ctx is a wish', () => {
    expect(decodeChat({ options: { num_ctx: 1 } }).load).toEqual({ contextTokens: 1 })
    expect(decodeChat({ options: { num_ctx: 16_777_216 } }).load).toEqual({ contextTokens: 16_777_216 })
    expect(decodeChat({}).load).toBeUndefined()
  })

  test('num_batch is one, too, where it is a size', () => {
    expect(decodeChat({ options: { num_batch: 1, num_ctx: 9 } }).load).toEqual({ contextTokens: 9, batchTokens: 1 })
    for (const none of [0, -1, null]) expect(decodeChat({ options: { num_batch: none } }).load).toBeUndefined()
  })

  test.each([
    [{ num_ctx: 'big' }, 'option "num_ctx" must be of type integer'],
    [{ num_ctx: 1.5 }, 'option "num_ctx" must be of type integer'],
    [{ num_ctx: 0 }, 'option "num_ctx" must be from 1 to 16777216'],
    [{ num_ctx: 16_777_217 }, 'option "num_ctx" must be from 1 to 16777216'],
    [{ temperature: '1' }, 'option "temperature" must be of type float32'],
    [{ temperature: 2.1 }, 'option "temperature" must be from 0 to 2'],
    [{ num_predict: -3 }, 'option "num_predict" must be from -2'],
    [{ use_mmap: 1 }, 'option "use_mmap" must be of type boolean'],
    [{ num_gpu: '1' }, 'option "num_gpu" must be of type integer'],
    [{ stop: '.' }, 'option "stop" must be of type array'],
    [{ stop: Array.from({ length: 17 }, () => '.') }, 'at most 16 texts'],
    [{ stop: ['x'.repeat(1_001)] }, 'at most 1000 characters'],
  ])('%j is refused', (options, words) => {
    expect(() => chat({ options })).toThrow(words)
    expect(() => chat({ options })).toThrow(/^options\./)
  })

  test('stop strings at their limits', () => {
    const stop = Array.from({ length: 16 }, () => 'x'.repeat(1_000))
    expect(chat({ options: { stop } }).stop).toEqual(stop)
  })
})

describe('how an answer is to come about', () => {
  test.each([
    [{ format: 'json' }, { format: { type: 'json' } }],
    [{ format: { type: 'object' } }, { format: { type: 'schema', schema: { type: 'object' } } }],
    [{ think: 'high' }, { thinking: true }],
    [{ think: true }, { thinking: true }],
    [{ think: false }, { thinking: false }],
    [{ logprobs: true }, { topLogprobs: 0 }],
    [{ logprobs: true, top_logprobs: 20 }, { topLogprobs: 20 }],
    [{ stream: false }, { isStreamed: false }],
    [{ stream: true }, { isStreamed: true }],
    [{ stream: null }, { isStreamed: true }],
    [{ model: 'm' }, { model: 'm' }],
    [{ name: 'm' }, { model: 'm' }],
    [{ model: '' }, { model: undefined }],
  ])('%j', (body, request) => {
    expect(chat(body)).toMatchObject(request)
  })

  test.each([{}, { format: '' }, { format: null }, { think: null }, { truncate: true, shift: false }])(
    '%j says nothing of it',
    (body) => {
      const { format, thinking, topLogprobs } = chat(body)
      expect([format, thinking, topLogprobs]).toEqual([undefined, undefined, undefined])
    },
  )

  test.each([
    [{ format: 'xml' }, 'format: must be "json" or a JSON schema'],
    [{ think: 'much' }, 'think: must be true, false, low, medium, high, max'],
    [{ logprobs: true, top_logprobs: 21 }, 'top_logprobs must be between 0 and 20'],
    [{ logprobs: true, top_logprobs: -1 }, 'top_logprobs must be between 0 and 20'],
    [{ stream: 1 }, 'stream: must be true or false'],
    [{ tools: [{ type: 'web' }] }, "tools[0].type: must be 'function'"],
    [{ model: 7 }, 'model: must be the name of a model'],
    [{ messages: [{ role: 'robot' }] }, 'messages[0].role: must be system, user, assistant or tool'],
    [{ messages: [user({ content: [] })] }, 'messages[0].content: must be a text'],
  ])('%j is refused', (body, words) => {
    expect(() => chat(body)).toThrow(words)
  })
})

describe('messages', () => {
  test('results find the call that they answer: by id, by name, by order', () => {
    const call = (name: string, more: object = {}): object => ({ function: { name, arguments: { n: 1 } }, ...more })
    const messages = [
      user(),
      { role: 'assistant', tool_calls: [call('a'), call('b'), call('c', { id: 'own' }), call('d')], thinking: 'hm' },
      { role: 'tool', content: '1', tool_name: 'b' },
      { role: 'tool', content: '2', tool_call_id: 'own' },
      { role: 'tool', content: '3' },
      { role: 'tool', content: '4' },
      { role: 'tool', content: '5' },
    ]
    const decoded = chat({ messages }).messages
    expect(decoded[1]).toEqual({
      role: 'assistant',
      content: '',
      reasoning: 'hm',
      toolCalls: [
        { id: 'call_1_0', name: 'a', arguments: '{"n":1}' },
        { id: 'call_1_1', name: 'b', arguments: '{"n":1}' },
        { id: 'own', name: 'c', arguments: '{"n":1}' },
        { id: 'call_1_3', name: 'd', arguments: '{"n":1}' },
      ],
    })
    const answered = ['call_1_1', 'own', 'call_1_0', 'call_1_3', undefined]
    expect(decoded.slice(2).map(({ toolCallId }) => toolCallId)).toEqual(answered)
  })

  test('arguments are an object', () => {
    const messages = [{ role: 'assistant', tool_calls: [{ function: { name: 'a', arguments: '{}' } }] }]
    expect(() => chat({ messages })).toThrow(
      'messages[0].tool_calls[0].function.arguments: must be an object, not text',
    )
  })

  test.each([
    ['image/png', PNG],
    ['image/jpeg', JPEG],
    ['image/webp', WEBP],
    ['image/gif', GIF],
  ])('a picture says by its first bytes that it is %s', (mimeType, base64) => {
    expect(chat({ messages: [user({ images: [base64] })] }).messages[0]?.images).toEqual([{ mimeType, base64 }])
  })

  test.each([
    [user({ images: ['AAAA'] }), 'is no picture that is known'],
    [user({ images: [''] }), 'must be base64'],
    [user({ images: [`data:image/png;base64,${PNG}`] }), 'must be base64, with nothing in front of it'],
    [{ role: 'system', images: [PNG] }, "only a user's message may have pictures"],
  ])('other pictures are refused: %j', (message, words) => {
    expect(() => chat({ messages: [message] })).toThrow(`messages[0].images`)
    expect(() => chat({ messages: [message] })).toThrow(words)
  })
})

describe('generate', () => {
  test('a question goes through the template', () => {
    const { request, isEmpty } = decodeGenerate({ prompt: 'hi', system: 'be brief', images: [PNG], context: [] })
    expect(isEmpty).toBe(false)
    expect(request.messages).toEqual([
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'hi', images: [{ mimeType: 'image/png', base64: PNG }] },
    ])
    expect(request.completion).toBeUndefined()
  })

  test('text is continued as it is: raw, and around a gap', () => {
    expect(decodeGenerate({ prompt: 'a', raw: true }).request).toMatchObject({
      messages: [],
      completion: { prompt: 'a' },
    })
    expect(decodeGenerate({ prompt: 'a', suffix: 'b' }).request.completion).toEqual({ prompt: 'a', suffix: 'b' })
    expect(decodeGenerate({ suffix: 'b' })).toMatchObject({ isEmpty: false, request: { completion: { prompt: '' } } })
  })

  test.each([{}, { prompt: '' }, { prompt: '', images: [], context: null, template: '' }])(
    'nothing is asked by %j',
    (body) => {
      expect(decodeGenerate(body).isEmpty).toBe(true)
    },
  )

  test.each([
    [{ prompt: 'a', raw: true, system: 'b' }, 'raw mode does not support template, system, or context'],
    [{ prompt: 'a', raw: true, context: [1] }, 'raw mode does not support template, system, or context'],
    [{ prompt: 'a', template: 'b' }, 'template: a request cannot bring one'],
    [{ prompt: 'a', context: [1, 2] }, 'context: tokens of an earlier answer are not taken'],
    [{ prompt: 'a', suffix: 'b', system: 'c' }, 'system: has no place where a suffix is given'],
    [{ prompt: 'a', suffix: 'b', images: [PNG] }, 'images: go with a question only'],
    [{ prompt: 7 }, 'prompt: must be a text'],
  ])('%j is refused', (body, words) => {
    expect(() => decodeGenerate(body)).toThrow(words)
  })
})
