import { expect, test } from 'vitest'
import { engineAge } from './engine-age.ts'
import { noCounts } from './knobs.ts'
import { chatTokens, type FakeMessage, fitted, fittedInput, fittingChat, type PromptFit } from './prompt.ts'
import { tokenize, Vocabulary } from '../answering/tokens.ts'

const OLD: PromptFit = {
  age: engineAge('0.17.4'),
  numCtxTokens: 20,
  numKeepTokens: 4,
  isCutting: true,
  isShifting: true,
}
const NEW: PromptFit = { ...OLD, age: engineAge('0.33.0') }
const CHAT: readonly FakeMessage[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'one two three four' },
  { role: 'assistant', content: 'five six' },
  { role: 'user', content: 'seven eight' },
]

function prompt(count: number): string[] {
  return Array.from({ length: count }, (_, place) => ` ${place}`)
}

test('tokens are words and single other characters with the space before them, and make the text again', () => {
  expect(tokenize('<|user|> Hello, wörld_1!\n ')).toEqual(['<|user|>', ' Hello', ',', ' wörld_1', '!', '\n '])
  for (const text of ['', ' a  b\t', '{"a":[1.5,"x y"]}', '日本 語']) expect(tokenize(text).join('')).toBe(text)
})

test('a context is the numbers of tokens that were met', () => {
  const vocabulary = new Vocabulary()
  const numbers = vocabulary.numbersOf(tokenize('a b a'))
  expect(new Set(numbers).size).toBe(3)
  expect(new Vocabulary().numbersOf(['a', ' b', ' a'])).toEqual(numbers)
  expect(vocabulary.tokensOf([...numbers, 99])).toEqual(['a', ' b', ' a'])
})

test('a message is its words between two marks; an image is 768 tokens; tools come first', () => {
  expect(chatTokens(CHAT.slice(3), [])).toEqual(['<|user|>', ' seven', ' eight', '<|end|>', '<|assistant|>'])
  expect(chatTokens([{ role: 'user', content: 'x', images: ['AAAA'] }], [])).toHaveLength(3 + 768 + 1)
  expect(chatTokens([], [{ type: 'function' }]).slice(0, 3)).toEqual(['<|tools|>', ' [', '{'])
})

test('the oldest messages go without a word; the system’s and the last one stay', () => {
  const counters = noCounts()
  expect(chatTokens(CHAT, [])).toHaveLength(5 + 6 + 4 + 4 + 1)
  const kept = fittingChat(CHAT, [], { ...OLD, numCtxTokens: 19 }, counters)
  expect(kept.join('')).toBe(
    '<|system|> Be brief.<|end|><|assistant|> five six<|end|><|user|> seven eight<|end|><|assistant|>',
  )
  expect(counters).toMatchObject({ droppedMessages: 1, cutPrompts: 0 })
})

test('a last message that is too long by itself is cut, and keeps num_keep tokens of its beginning', () => {
  const counters = noCounts()
  const last = { role: 'user', content: 'word '.repeat(40) }
  const kept = fittingChat([{ role: 'user', content: 'gone' }, last], [], OLD, counters)
  expect(kept).toHaveLength(20)
  expect(kept.slice(0, 4)).toEqual(['<|user|>', ' word', ' word', ' word'])
  expect(kept.slice(-2)).toEqual(['<|end|>', '<|assistant|>'])
  expect(counters).toMatchObject({ droppedMessages: 1, cutPrompts: 1 })
})

test('at the limit nothing is cut: all of the context before 0.30, one less after it', () => {
  const counters = noCounts()
  expect(fitted(prompt(20), OLD, counters)).toEqual(prompt(20))
  expect(fitted(prompt(21), OLD, counters)).toEqual([...prompt(4), ...prompt(21).slice(5)])
  expect(fitted(prompt(19), NEW, counters)).toEqual(prompt(19))
  expect(fitted(prompt(20), NEW, counters)).toHaveLength(19)
  expect(counters.cutPrompts).toBe(2)
})

test('truncate: false is a 400, in the words of the age', () => {
  const refused = (fit: PromptFit): unknown => {
    try {
      return fitted(prompt(30), { ...fit, isCutting: false }, noCounts())
    } catch (error) {
      return error
    }
  }
  expect(refused(OLD)).toMatchObject({ status: 400, message: 'the input length exceeds the context length' })
  const wrapped = refused(NEW) as Error
  expect(JSON.parse(wrapped.message)).toMatchObject({
    error: {
      code: 400,
      type: 'exceed_context_size_error',
      n_prompt_tokens: 30,
      n_ctx: 20,
      message: 'request (30 tokens) exceeds the available context size (20 tokens), try increasing it',
    },
  })
})

test('with truncate: false no message is dropped', () => {
  const counters = noCounts()
  const fit = { ...OLD, isCutting: false, numCtxTokens: 19 }
  expect(() => fittingChat(CHAT, [], fit, counters)).toThrow('the input length exceeds the context length')
  expect(counters.droppedMessages).toBe(0)
})

test('shift: false refuses what is too long from 0.30 on, and only cuts before it', () => {
  const text = /^the prompt is longer than the context length currently available to the model; shorten the prompt, /
  expect(() => fitted(prompt(30), { ...NEW, isShifting: false }, noCounts())).toThrow(text)
  expect(fitted(prompt(30), { ...OLD, isShifting: false }, noCounts())).toHaveLength(20)
})

test('a text to embed is cut at its end, or refused', () => {
  expect(fittedInput('a b c', 2, true)).toEqual(['a', ' b'])
  expect(() => fittedInput('a b c', 2, false)).toThrow('the input length exceeds the context length')
})
