import { expect, test } from 'vitest'
import type { ChatMessage } from '../spec/chat.ts'
import { refuseSurelyTooLong } from './prompt-bound.ts'

const model = { id: 'a', contextTokens: 10, maxPromptBytes: 100 }

function ask(...contents: string[]): { messages: ChatMessage[] } {
  return { messages: contents.map((content) => ({ role: 'user', content })) }
}

test('limit − 1, limit, over all messages', () => {
  expect(refuseSurelyTooLong(ask('x'.repeat(99)), model)).toBeUndefined()
  const refusal = refuseSurelyTooLong(ask('x'.repeat(99), 'y'), model)
  expect(refusal?.reason).toBe('context-too-long')
  expect(refusal?.details).toEqual({ promptBytes: 100, maxPromptBytes: 100, contextTokens: 10 })
})

test('counts bytes, not characters', () => {
  expect(refuseSurelyTooLong(ask('é'.repeat(50)), model)?.details?.['promptBytes']).toBe(100)
  expect(refuseSurelyTooLong(ask('e'.repeat(50)), model)).toBeUndefined()
})

test('a model whose tokens are not known refuses nothing beforehand', () => {
  expect(refuseSurelyTooLong(ask('x'.repeat(1_000_000)), { ...model, maxPromptBytes: null })).toBeUndefined()
})
