import { expect, test } from 'vitest'
import { AnswerReader } from './answer-reader.ts'

const chat = (content: string, more: object = {}): object => ({
  message: { role: 'assistant', content, ...more },
  done: false,
})
const END = { message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop' }

function readAll(lines: readonly unknown[], options: { mayCallSeveral?: boolean } = {}) {
  const reader = new AnswerReader({ model: 'x', ...options })
  const chunks = lines.flatMap((line) => reader.read(line))
  return { chunks, reader }
}

test('text, thoughts and the end, with nanoseconds as milliseconds and what is absent as 0', () => {
  const { chunks, reader } = readAll([
    chat('', { thinking: 'hm' }),
    chat('yes'),
    { ...END, done_reason: 'length', prompt_eval_count: 7, eval_count: 2, prompt_eval_duration: 5_000_000 },
  ])
  expect(chunks).toEqual([
    { type: 'reasoning', text: 'hm' },
    { type: 'text', text: 'yes' },
    {
      type: 'end',
      finishReason: 'length',
      usage: { promptTokens: 7, cachedTokens: null, generatedTokens: 2 },
      prefillMs: 5,
      decodeMs: 0,
    },
  ])
  expect(reader.isDone).toBe(true)
})

test('the other route says `response`', () => {
  const { chunks } = readAll([
    { response: 'upon', done: false },
    { response: '', done: true },
  ])
  expect(chunks[0]).toEqual({ type: 'text', text: 'upon' })
  expect(chunks[1]).toMatchObject({ type: 'end', finishReason: 'stop' })
})

test('calls get an id where they have none, and end the answer as calls', () => {
  const call = (name: string, more: object = {}): object => ({ ...more, function: { name, arguments: { a: 1 } } })
  const lines = [chat('', { tool_calls: [call('one', { id: 'theirs' }), call('two')] }), END]
  const { chunks } = readAll(lines)
  expect(chunks[0]).toEqual({ type: 'toolCall', call: { id: 'theirs', name: 'one', arguments: '{"a":1}' } })
  expect(chunks[1]).toMatchObject({ call: { id: expect.stringMatching(/^call_\w{24}$/) as string, name: 'two' } })
  expect(chunks[2]).toMatchObject({ type: 'end', finishReason: 'toolCalls' })
  expect(readAll(lines, { mayCallSeveral: false }).chunks).toHaveLength(2)
})

test('log probabilities come with the text that their tokens make, also when it comes later or never', () => {
  const token = (text: string, logprob: number): object => ({
    token: text,
    logprob,
    bytes: [1],
    top_logprobs: [{ token: text, logprob }],
  })
  const read = (text: string, logprob: number): object => ({
    token: text,
    logprob,
    bytes: [1],
    top: [{ token: text, logprob, bytes: null }],
  })
  const { chunks } = readAll([
    { ...chat(''), logprobs: [token('\u{fffd}', -1)] },
    { ...chat('é'), logprobs: [token('\u{fffd}', -2)] },
    { ...chat(''), logprobs: [token('\u{fffd}', -3)] },
    END,
  ])
  expect(chunks).toMatchObject([
    { type: 'text', text: 'é', logprobs: [read('\u{fffd}', -1), read('\u{fffd}', -2)] },
    { type: 'text', text: '', logprobs: [read('\u{fffd}', -3)] },
    { type: 'end' },
  ])
})

test('a line of an error is thrown as what it means', () => {
  const reader = new AnswerReader({ model: 'x' })
  expect(() => reader.read({ error: 'invalid JSON schema in format' })).toThrow(
    expect.objectContaining({ reason: 'schema-unsupported' }),
  )
  expect(() => reader.read({ error: { message: 'x' } })).toThrow('{"message":"x"}')
  expect(reader.isDone).toBe(false)
})

test('one token again and again is noticed', () => {
  const repeated = (count: number): boolean =>
    readAll(Array.from({ length: count }, () => chat(' the'))).reader.isRepeating
  expect(repeated(30)).toBe(false)
  expect(repeated(31)).toBe(true)
})
