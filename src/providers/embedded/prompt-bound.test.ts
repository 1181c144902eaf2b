import { expect, test } from 'vitest'
import type { GenerateRequest } from '../../spec/chat.ts'
import { refuseSurelyTooLong } from './prompt-bound.ts'

function ask(...contents: string[]): GenerateRequest {
  return { messages: contents.map((content) => ({ role: 'user' as const, content })), sampling: {}, stop: [] }
}

test('refuses what cannot fit even if every token were the longest one, and nothing else', () => {
  expect(refuseSurelyTooLong(ask('x'.repeat(990)), 10, 100)).toBeUndefined()
  const refusal = refuseSurelyTooLong(ask('x'.repeat(990), 'y'), 10, 100)
  expect(refusal?.reason).toBe('context-too-long')
  expect(refusal?.details).toEqual({ atLeastTokens: 100, promptBytes: 991, contextTokens: 100 })
})

test('counts bytes, not characters', () => {
  expect(refuseSurelyTooLong(ask('é'.repeat(50)), 1, 100)?.details?.['promptBytes']).toBe(100)
  expect(refuseSurelyTooLong(ask('e'.repeat(50)), 1, 100)).toBeUndefined()
})
