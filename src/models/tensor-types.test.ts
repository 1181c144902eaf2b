import { expect, test } from 'vitest'
import { tensorBytes } from './tensor-types.ts'

test.each([
  ['F32', 0, [10], 40],
  ['F16', 1, [10, 2], 40],
  ['Q4_0', 2, [64], 36],
  ['Q4_1', 3, [32, 3], 60],
  ['Q8_0', 8, [32], 34],
  ['Q6_K', 14, [256], 210],
])('%s: blocks of its own size', (_, type, shape, bytes) => {
  expect(tensorBytes(type, shape)).toBe(bytes)
})

test('a type nobody knows has no size', () => {
  expect(tensorBytes(9_999, [32])).toBeUndefined()
})
