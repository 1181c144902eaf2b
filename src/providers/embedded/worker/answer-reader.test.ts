import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AnswerMarks, AnswerReader, type ReadText } from './answer-reader.ts'

const think = { open: '<think>', close: '</think>', isOpen: false }
const calls = { trigger: '<tool_call>' }

/** What is read when the text comes in pieces: by type, and the calls. */
function read(marks: AnswerMarks, pieces: readonly string[]): { reasoning: string; text: string; calls?: string } {
  const reader = new AnswerReader(marks)
  const parts: ReadText[] = pieces.flatMap((piece) => reader.push(piece))
  const end = reader.end()
  const of = (type: ReadText['type']): string =>
    [...parts, ...end.read].map((part) => (part.type === type ? part.text : '')).join('')
  return { reasoning: of('reasoning'), text: of('text'), ...(end.calls !== undefined && { calls: end.calls }) }
}

describe('what is told apart', () => {
  test.each<[string, AnswerMarks, string, ReturnType<typeof read>]>([
    ['text alone', {}, ' Hi <think> there ', { reasoning: '', text: ' Hi <think> there ' }],
    [
      'reasoning, then text',
      { reasoning: think },
      '<think>\nWell.\n</think>\n\nHi',
      { reasoning: 'Well.', text: 'Hi' },
    ],
    ['a model that does not think', { reasoning: think }, '\nHi', { reasoning: '', text: '\nHi' }],
    [
      'reasoning that the prompt has begun',
      { reasoning: { ...think, isOpen: true } },
      'Well. </think> Hi',
      { reasoning: 'Well.', text: 'Hi' },
    ],
    ['reasoning without end', { reasoning: think }, '<think>Well, ', { reasoning: 'Well, '.trimEnd(), text: '' }],
    ['a mark in the middle is text', { reasoning: think }, 'Hi <think>', { reasoning: '', text: 'Hi <think>' }],
    [
      'text, then a call',
      { calls },
      'Wait.\n<tool_call>\n{}',
      { reasoning: '', text: 'Wait.', calls: '<tool_call>\n{}' },
    ],
    [
      'a call alone, after reasoning',
      { reasoning: think, calls },
      '<think>x <tool_call></think>\n<tool_call>{}',
      { reasoning: 'x <tool_call>', text: '', calls: '<tool_call>{}' },
    ],
    ['a call that begins only', { calls }, 'a <tool_c', { reasoning: '', text: 'a <tool_c' }],
    [
      'a call at the beginning',
      { calls: { trigger: '{"name"', isAtStart: true } },
      '\n{"name": "x"}',
      { reasoning: '', text: '', calls: '{"name": "x"}' },
    ],
    [
      'its trigger later is text',
      { calls: { trigger: '{"name"', isAtStart: true } },
      'x {"name": 1}',
      { reasoning: '', text: 'x {"name": 1}' },
    ],
    [
      'the mark between reasoning and answer',
      { reasoning: { open: '<a>', close: '<end>', answerMark: '<final>', isOpen: false } },
      '<a>hm<end><final>Hi',
      { reasoning: 'hm', text: 'Hi' },
    ],
  ])('%s, in one piece and in single characters', (_, marks, text, expected) => {
    expect(read(marks, [text])).toEqual(expected)
    expect(read(marks, Array.from(text))).toEqual(expected)
  })
})

test('however an answer is cut into pieces, the same is read', () => {
  const words = fc.constantFrom('<think>', '</think>', '<tool_call>', '<', 'tool', ' ', '\n', 'a', 'think>')
  const marks = { reasoning: think, calls }
  fc.assert(
    fc.property(fc.array(words, { maxLength: 12 }), fc.array(fc.nat(60), { maxLength: 6 }), (all, cuts) => {
      const text = all.join('')
      const at = [...cuts.map((cut) => cut % (text.length + 1)), text.length].sort((a, b) => a - b)
      const pieces = at.map((end, index) => text.slice(at[index - 1] ?? 0, end))
      expect(read(marks, pieces)).toEqual(read(marks, [text]))
    }),
    { numRuns: 2_000 },
  )
})

test('text without marks comes as it is, and at once but for what may become a mark', () => {
  const reader = new AnswerReader({ calls })
  expect(reader.push('Hello <')).toEqual([{ type: 'text', text: 'Hello' }])
  expect(reader.push('b')).toEqual([{ type: 'text', text: ' <b' }])
})
