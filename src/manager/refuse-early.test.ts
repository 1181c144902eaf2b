import { expect, test } from 'vitest'
import type { ChatMessage } from '../spec/chat.ts'
import { refuseEarly } from './refuse-early.ts'

const model = { id: 'a', contextTokens: 10, maxPromptBytes: 100 }

function ask(...contents: string[]): { messages: ChatMessage[] } {
  return { messages: contents.map((content) => ({ role: 'user', content })) }
}

test('limit − 1, limit, over all messages', () => {
  expect(refuseEarly(ask('x'.repeat(99)), model)).toBeUndefined()
  const refusal = refuseEarly(ask('x'.repeat(99), 'y'), model)
  expect(refusal?.reason).toBe('context-too-long')
  expect(refusal?.details).toEqual({ promptBytes: 100, maxPromptBytes: 100, contextTokens: 10 })
})

test('counts bytes, not characters', () => {
  expect(refuseEarly(ask('é'.repeat(50)), model)?.details?.['promptBytes']).toBe(100)
  expect(refuseEarly(ask('e'.repeat(50)), model)).toBeUndefined()
})

test('a model whose tokens are not known refuses nothing beforehand', () => {
  expect(refuseEarly(ask('x'.repeat(1_000_000)), { ...model, maxPromptBytes: null })).toBeUndefined()
})

test('a model that only embeds is asked for no answer', () => {
  expect(refuseEarly(ask('x'), { ...model, onlyEmbeds: true })?.reason).toBe('generation-unsupported')
})

test('pictures go only to a model that sees', () => {
  const images = [{ mimeType: 'image/png', base64: 'iVBO' }]
  const request = { messages: [{ role: 'user', content: 'what?', images } as const] }
  expect(refuseEarly(request, model)?.reason).toBe('images-unsupported')
  expect(refuseEarly(request, { ...model, seesImages: true })).toBeUndefined()
})

test('limit − 1, limit of words, over what users and models said', () => {
  const wordy = { ...model, maxPromptBytes: null, maxPromptWords: 10 }
  const answer = { role: 'assistant', content: '<think>one two three</think>four five' } as const
  const say = (words: number): { messages: ChatMessage[] } => ({
    messages: [{ role: 'system', content: 'a b c' }, ...ask('x '.repeat(words)).messages, answer],
  })
  expect(refuseEarly(say(7), wordy)).toBeUndefined()
  const refusal = refuseEarly(say(8), wordy)
  expect(refusal?.reason).toBe('context-too-long')
  expect(refusal?.details).toEqual({ promptWordCount: 10, maxPromptWords: 10, contextTokens: 10 })
})
