import { describe, expect, test } from 'vitest'
import { toErrorData } from '../../spec/errors.ts'
import { AnswerReader } from './answer-reader.ts'

function readerAt(times: readonly number[] = [0], topLogprobs?: number): AnswerReader {
  const left = [...times]
  return new AnswerReader({ topLogprobs, nowMs: () => left.shift() ?? times.at(-1) ?? 0 })
}

function delta(fields: object, finishReason: string | null = null, more: object = {}): Record<string, unknown> {
  return { model: 'm', choices: [{ index: 0, delta: fields, finish_reason: finishReason, ...more }] }
}

describe('an answer', () => {
  test('is text, reasoning and one end, with the figures that were told', () => {
    const reader = readerAt()
    expect(reader.read(delta({ role: 'assistant', content: null }))).toEqual([])
    expect(reader.read(delta({ reasoning_content: 'hm' }))).toEqual([{ type: 'reasoning', text: 'hm' }])
    expect(reader.read(delta({ reasoning: 'so' }))).toEqual([{ type: 'reasoning', text: 'so' }])
    expect(reader.read(delta({ content: 'yes' }))).toEqual([{ type: 'text', text: 'yes' }])
    expect(reader.read(delta({}, 'stop'))).toEqual([])
    const usage = {
      prompt_tokens: 12,
      completion_tokens: 3,
      prompt_tokens_details: { cached_tokens: 10 },
      completion_tokens_details: { reasoning_tokens: 2 },
    }
    reader.read({ choices: [], usage, timings: { cache_n: 10, prompt_n: 2, prompt_ms: 4.5, predicted_ms: 8.25 } })
    expect(reader.finish()).toEqual([
      {
        type: 'end',
        finishReason: 'stop',
        usage: { promptTokens: 12, cachedTokens: 10, generatedTokens: 3, reasoningTokens: 2 },
        prefillMs: 4.5,
        decodeMs: 8.25,
      },
    ])
    expect(reader.model).toBe('m')
  })

  test('is timed here where the engine does not, and what it does not tell of its cache is not known', () => {
    const reader = readerAt([100, 130, 190])
    reader.read(delta({ content: 'a' }))
    reader.read(delta({}, 'length', {}))
    reader.read({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 1 } })
    expect(reader.finish()).toEqual([
      {
        type: 'end',
        finishReason: 'length',
        usage: { promptTokens: 5, cachedTokens: null, generatedTokens: 1 },
        prefillMs: 30,
        decodeMs: 60,
      },
    ])
  })

  test('takes its counts from llama-server’s timings where there is no usage', () => {
    const reader = readerAt()
    reader.read({ ...delta({}, 'stop'), timings: { cache_n: 4, prompt_n: 1, predicted_n: 2 } })
    expect(reader.finish()).toMatchObject([{ usage: { promptTokens: 5, cachedTokens: 4, generatedTokens: 2 } }])
  })

  test('that came whole, or as a completion, reads the same', () => {
    const chat = readerAt()
    expect(chat.read({ choices: [{ message: { content: 'all' }, finish_reason: 'stop' }] })).toEqual([
      { type: 'text', text: 'all' },
    ])
    expect(readerAt().read({ choices: [{ text: 'Once', finish_reason: null }] })).toEqual([
      { type: 'text', text: 'Once' },
    ])
  })

  test('that nobody ended is lost', () => {
    const reader = readerAt()
    reader.read(delta({ content: 'half' }))
    expect(() => reader.finish()).toThrow('broke off')
    try {
      reader.finish()
    } catch (error) {
      expect(toErrorData(error).reason).toBe('engine-lost')
    }
  })

  test('passes over what it does not know', () => {
    const reader = readerAt()
    for (const event of [{}, { choices: 'x' }, { choices: [1] }, { choices: [{ delta: 3 }] }, { object: 'ping' }]) {
      expect(reader.read(event)).toEqual([])
    }
  })
})

describe('calls of tools', () => {
  const piece = (index: number | undefined, called: object, id?: string): Record<string, unknown> =>
    delta({ tool_calls: [{ ...(index !== undefined && { index }), ...(id && { id }), function: called }] })

  test('are told when they are whole', () => {
    const reader = readerAt()
    expect(reader.read(piece(0, { name: 'look', arguments: '' }, 'c1'))).toEqual([])
    expect(reader.read(piece(0, { arguments: '{"a"' }))).toEqual([])
    expect(reader.read(piece(0, { arguments: ':1}' }))).toEqual([])
    expect(reader.read(piece(1, { name: 'stop' }, 'c2'))).toEqual([
      { type: 'toolCall', call: { id: 'c1', name: 'look', arguments: '{"a":1}' } },
    ])
    reader.read(delta({}, 'tool_calls'))
    expect(reader.finish()).toMatchObject([
      { type: 'toolCall', call: { id: 'c2', name: 'stop', arguments: '{}' } },
      { type: 'end', finishReason: 'toolCalls' },
    ])
  })

  test('are known without index and id, with arguments as an object, and whatever the end is called', () => {
    const reader = readerAt()
    const called = [
      { function: { name: 'look', arguments: { a: 1 } } },
      { function: { name: 'look', arguments: '{}' } },
    ]
    reader.read(delta({ tool_calls: called }, 'stop'))
    const calls = reader.finish()
    expect(calls.at(-1)).toMatchObject({ type: 'end', finishReason: 'toolCalls' })
    const [whole] = readerAtCalls(called)
    expect(whole).toMatchObject({ type: 'toolCall', call: { name: 'look', arguments: '{"a":1}' } })
    expect(whole?.type === 'toolCall' && whole.call.id).toMatch(/^call_/)
  })

  test('that are required and do not come are missed, but not in an answer that was cut off', () => {
    const reader = new AnswerReader({ mustCall: true, nowMs: () => 0 })
    reader.read(delta({ content: 'no' }, 'stop'))
    expect(() => reader.finish()).toThrow('answered without a call')
    const cut = new AnswerReader({ mustCall: true, nowMs: () => 0 })
    cut.read(delta({ content: 'so' }, 'length'))
    expect(cut.finish()).toMatchObject([{ finishReason: 'length' }])
    const kept = new AnswerReader({ mustCall: true, nowMs: () => 0 })
    kept.read(piece(0, { name: 'look' }, 'c1'))
    kept.read(delta({}, 'stop'))
    expect(kept.finish()).toHaveLength(2)
  })

  test('are bounded in number and size', () => {
    const reader = readerAt()
    expect(() => {
      for (let index = 0; index < 128; index++) reader.read(piece(index, { name: 'x' }))
    }).not.toThrow()
    expect(() => reader.read(piece(128, { name: 'x' }))).toThrow('more than 128')
    const long = readerAt()
    long.read(piece(0, { name: 'x', arguments: 'a'.repeat(4_194_304) }))
    expect(() => long.read(piece(0, { arguments: 'a' }))).toThrow('characters of arguments')
  })

  function readerAtCalls(called: readonly object[]): ReturnType<AnswerReader['read']> {
    return readerAt().read(delta({ tool_calls: called }))
  }
})

describe('log probabilities', () => {
  test('stand beside the text that they are of, and only as many alternatives as were asked for', () => {
    const reader = readerAt([0], 1)
    const content = [
      {
        token: 'Hi',
        logprob: -0.5,
        bytes: [72, 105],
        top_logprobs: [
          { token: 'Hi', logprob: -0.5 },
          { token: 'Ho', logprob: -1 },
        ],
      },
    ]
    const hi = { token: 'Hi', bytes: [72, 105], logprob: -0.5 }
    expect(reader.read(delta({ content: 'Hi' }, null, { logprobs: { content } }))).toEqual([
      { type: 'text', text: 'Hi', logprobs: [{ ...hi, top: [hi] }] },
    ])
  })

  test('of pieces of a character wait for its text; what is left is told at the end', () => {
    const reader = readerAt([0], 0)
    const half = { content: [{ token: '', logprob: -1, bytes: [0xc3], top_logprobs: [] }] }
    expect(reader.read(delta({ content: '' }, null, { logprobs: half }))).toEqual([])
    const rest = { content: [{ token: '', logprob: -2, bytes: [0xa4], top_logprobs: [] }] }
    const piece = { token: '\uFFFD', bytes: null, top: [] }
    expect(reader.read(delta({ content: 'ä' }, null, { logprobs: rest }))).toEqual([
      {
        type: 'text',
        text: 'ä',
        logprobs: [
          { ...piece, logprob: -1 },
          { ...piece, logprob: -2 },
        ],
      },
    ])
    expect(reader.read(delta({}, 'length', { logprobs: half }))).toEqual([
      { type: 'text', text: '', logprobs: [{ ...piece, logprob: -1 }] },
    ])
    expect(reader.finish()).toHaveLength(1)
  })

  test('are read in the form of OpenAI’s completions, too', () => {
    const logprobs = { tokens: ['a'], token_logprobs: [-0.1], top_logprobs: [{ b: -2, a: -0.1 }] }
    const a = { token: 'a', bytes: [97], logprob: -0.1 }
    expect(readerAt([0], 2).read({ choices: [{ text: 'a', logprobs }] })).toEqual([
      { type: 'text', text: 'a', logprobs: [{ ...a, top: [a, { token: 'b', bytes: [98], logprob: -2 }] }] },
    ])
  })

  test('are left out where nobody asked', () => {
    const content = [{ token: 'a', logprob: -1, bytes: null, top_logprobs: [] }]
    expect(readerAt().read(delta({ content: 'a' }, null, { logprobs: { content } }))).toEqual([
      { type: 'text', text: 'a' },
    ])
  })
})
