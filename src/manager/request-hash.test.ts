import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { InferRequest } from '../spec/admin.ts'
import { requestHash } from './request-hash.ts'

const request: InferRequest = {
  model: 'a',
  messages: [{ role: 'user', content: 'hi' }],
  sampling: { temperature: 0, seed: 1 },
  stop: [],
  isStreamed: false,
}

test('the same request has the same hash, streamed or not, whatever the order of its options', () => {
  const again = { ...request, isStreamed: true, sampling: { seed: 1, temperature: 0 } }
  expect(requestHash('a', again)).toBe(requestHash('a', request))
})

test.each([
  ['model', 'b', request],
  ['text', 'a', { ...request, messages: [{ role: 'user' as const, content: 'ho' }] }],
  ['role', 'a', { ...request, messages: [{ role: 'system' as const, content: 'hi' }] }],
  ['sampling', 'a', { ...request, sampling: { temperature: 0, seed: 2 } }],
  ['maxTokens', 'a', { ...request, maxTokens: 1 }],
  ['stop', 'a', { ...request, stop: ['x'] }],
])('another %s has another hash', (_, modelId, other) => {
  expect(requestHash(modelId, other)).not.toBe(requestHash('a', request))
})

test('text cannot pass from one message into another without changing the hash', () => {
  const messages = fc.array(fc.record({ role: fc.constant('user' as const), content: fc.string() }), { maxLength: 4 })
  fc.assert(
    fc.property(messages, messages, (first, second) => {
      const isSame = JSON.stringify(first) === JSON.stringify(second)
      const hash = (all: typeof first): string => requestHash('a', { ...request, messages: all })
      expect(hash(first) === hash(second)).toBe(isSame)
    }),
  )
})
