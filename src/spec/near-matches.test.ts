import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editDistance, nearMatches } from './near-matches.ts'

test('names that contain what was written, or differ in few letters, the nearest first', () => {
  const names = ['smollm2', 'llama-3.2-1b', 'qwen2.5-coder', 'smollm3']
  expect(nearMatches('smolm2', names)).toEqual(['smollm2', 'smollm3'])
  expect(nearMatches('LLAMA', names)).toEqual(['llama-3.2-1b'])
  expect(nearMatches('something else', names)).toEqual([])
})

test('at most three', () => {
  expect(nearMatches('model', ['model1', 'model2', 'model3', 'model4'])).toHaveLength(3)
})

test('the distance is one: 0 for the same, symmetric, never more than the longer word', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b, c) => {
      expect(editDistance(a, a)).toBe(0)
      expect(editDistance(a, b)).toBe(editDistance(b, a))
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length))
      expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c))
    }),
  )
})

test('another tag of the same model is near; what engines prefix alike is not', () => {
  expect(nearMatches('tiny:foo', ['tiny:latest', 'other:foo9999'])).toEqual(['tiny:latest'])
  expect(nearMatches('server:goof', ['server:good', 'server:entirely-different'])).toEqual(['server:good'])
})
