import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assembled, readEvents } from '../../../test/support/anthropic-events.ts'
import type { AnswerPart } from '../../spec/chat.ts'
import { resourceError } from '../../spec/errors.ts'
import type { EndOfAnswer } from '../answer/answer-writer.ts'
import { MessageWriter } from './message-writer.ts'

const receipt = { requestId: 'r', modelId: 'a', queueWaitMs: 3.4, loadMs: 4 }
const end: EndOfAnswer = {
  finishReason: 'stop',
  usage: { promptTokens: 10, cachedTokens: 6, generatedTokens: 2 },
  receipt,
}
const call = (text: string): AnswerPart => ({ type: 'toolCall', call: { id: 'one', name: 'add', arguments: text } })

function streamed(writer: MessageWriter, parts: readonly AnswerPart[], last = end): string {
  return writer.begin(receipt) + parts.map((part) => writer.part(part)).join('') + writer.end(last)
}

const texts = fc.oneof(fc.string(), fc.constantFrom('', '\n', '"', 'ü\u2028'))
const parts = fc.array(
  fc.oneof(
    texts.map((text): AnswerPart => ({ type: 'text', text })),
    texts.map((text): AnswerPart => ({ type: 'reasoning', text })),
    fc
      .oneof(
        fc.dictionary(fc.string(), fc.jsonValue()).map((input) => JSON.stringify(input)),
        fc.string(),
        fc.json(),
      )
      .map(call),
  ),
)

test('whatever an answer is made of, its events are in order and make what is sent whole', () => {
  fc.assert(
    fc.property(parts, fc.boolean(), (said, showsThinking) => {
      const message = assembled(readEvents(streamed(new MessageWriter(showsThinking), said)))
      const whole = JSON.parse(JSON.stringify(new MessageWriter(showsThinking).whole(said, end))) as object
      expect({ ...message, id: '' }).toEqual({ ...whole, id: '' })
    }),
  )
})

test('nothing is lost: text, thoughts where they are shown, and calls', () => {
  fc.assert(
    fc.property(parts, fc.boolean(), (said, showsThinking) => {
      const { content } = new MessageWriter(showsThinking).whole(said, end) as { content: Record<string, string>[] }
      const all = (kind: string): string => content.map((block) => block[kind] ?? '').join('')
      const told = (type: string): string =>
        said.map((part) => (part.type === type && 'text' in part ? part.text : '')).join('')
      expect(all('text')).toBe(told('text'))
      expect(all('thinking')).toBe(showsThinking ? told('reasoning') : '')
      expect(content.filter(({ type }) => type === 'tool_use')).toHaveLength(
        said.filter(({ type }) => type === 'toolCall').length,
      )
    }),
  )
})

const thought: readonly AnswerPart[] = [
  { type: 'reasoning', text: 'H' },
  { type: 'reasoning', text: 'm.' },
  { type: 'text', text: 'Hel' },
  { type: 'text', text: 'lo' },
  call('{"n": 1}'),
]

test('a stream, event by event', () => {
  const events = readEvents(streamed(new MessageWriter(true), thought, { ...end, finishReason: 'toolCalls' }))
  const none = { input_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 }
  const message = {
    id: expect.stringMatching(/^msg_[0-9a-f]{32}$/) as string,
    type: 'message',
    role: 'assistant',
    model: 'a',
  }
  const start = { ...message, content: [], stop_reason: null, stop_sequence: null, usage: none }
  const delta = (index: number, piece: object): object => ({ type: 'content_block_delta', index, delta: piece })
  expect(events).toEqual([
    { type: 'message_start', message: start },
    { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
    delta(0, { type: 'thinking_delta', thinking: 'H' }),
    delta(0, { type: 'thinking_delta', thinking: 'm.' }),
    delta(0, { type: 'signature_delta', signature: '' }),
    { type: 'content_block_stop', index: 0 },
    { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
    delta(1, { type: 'text_delta', text: 'Hel' }),
    delta(1, { type: 'text_delta', text: 'lo' }),
    { type: 'content_block_stop', index: 1 },
    { type: 'content_block_start', index: 2, content_block: { type: 'tool_use', id: 'one', name: 'add', input: {} } },
    delta(2, { type: 'input_json_delta', partial_json: '{"n": 1}' }),
    { type: 'content_block_stop', index: 2 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'tool_use', stop_sequence: null },
      usage: {
        ...{ input_tokens: 4, cache_creation_input_tokens: 0, cache_read_input_tokens: 6, output_tokens: 2 },
        grym: { model: 'a', queue_wait_ms: 3, load_ms: 4, cached_tokens: 6 },
      },
    },
    { type: 'message_stop' },
  ])
})

test('thoughts that nobody asked for are no blocks, and an answer of nothing else has none', () => {
  const silent = new MessageWriter(false).whole(thought.slice(0, 2), end)
  expect(silent).toMatchObject({ content: [] })
  const { content } = assembled(readEvents(streamed(new MessageWriter(false), thought)))
  expect(content).toMatchObject([{ type: 'text', text: 'Hello' }, { type: 'tool_use' }])
})

test.each([
  ['', {}],
  ['{"n": [1, {"m": null}]}', { n: [1, { m: null }] }],
  ['{"n": 1', '{"n": 1'],
  ['[1]', '[1]'],
])('arguments %j', (text, input) => {
  expect(new MessageWriter(true).whole([call(text)], end)).toMatchObject({ content: [{ type: 'tool_use', input }] })
})

test('a number in arguments keeps all its digits', () => {
  expect(new MessageWriter(true).part(call('{"n": 12345678901234567890}'))).toContain('12345678901234567890')
})

describe('why an answer ended', () => {
  test.each([
    [{ finishReason: 'stop' }, 'end_turn', null],
    [{ finishReason: 'stop', stoppedBy: 'END' }, 'stop_sequence', 'END'],
    [{ finishReason: 'length' }, 'max_tokens', null],
    [{ finishReason: 'toolCalls' }, 'tool_use', null],
  ] as const)('%j', (how, stop_reason, stop_sequence) => {
    const last = { ...end, ...how }
    expect(new MessageWriter(false).whole([], last)).toMatchObject({ stop_reason, stop_sequence })
    expect(assembled(readEvents(streamed(new MessageWriter(false), [], last)))).toMatchObject({
      stop_reason,
      stop_sequence,
    })
  })
})

test('what an engine does not tell is null, and tokens of thought are told', () => {
  const usage = { promptTokens: 10, cachedTokens: null, generatedTokens: 5, reasoningTokens: 3 }
  expect(new MessageWriter(false).whole([], { ...end, usage })).toMatchObject({
    usage: {
      ...{ input_tokens: 10, cache_read_input_tokens: null, output_tokens: 5 },
      output_tokens_details: { thinking_tokens: 3 },
    },
  })
})

test('a stream that breaks ends with an error event', () => {
  const writer = new MessageWriter(false)
  expect(readEvents(writer.failure(resourceError('engine-lost', 'It ended.'), 'err_1'))).toEqual([
    {
      type: 'error',
      error: { type: 'api_error', message: 'It ended.', reason: 'engine-lost', id: 'err_1' },
      request_id: 'err_1',
    },
  ])
})

test('silence is a ping', () => {
  expect(readEvents(new MessageWriter(false).idle)).toEqual([{ type: 'ping' }])
})
