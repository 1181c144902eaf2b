import { expect, test } from 'vitest'
import { grouped, restoreWords, savedWords } from './restore-words.ts'

test('says what came from disk, how fast, and what that saved', () => {
  const gain = { tokens: 5_999, restoreMs: 300, savedMs: 101_000 }
  expect(restoreWords(gain, 6_000)).toBe('restored 5,999 of 6,000 tokens in 0.3 s, about 101 s saved')
  expect(restoreWords({ ...gain, savedMs: null }, 6_000)).toBe('restored 5,999 of 6,000 tokens in 0.3 s')
})

test.each([
  [0, '0.0 s'],
  [9_900, '9.9 s'],
  [10_400, '10 s'],
  [599_999, '600 s'],
  [7_200_000, '2h 0m'],
])('%i ms saved are %s', (savedMs, words) => {
  expect(savedWords(savedMs)).toBe(words)
})

test.each([
  [0, '0'],
  [999, '999'],
  [1_000, '1,000'],
  [12_345_678, '12,345,678'],
])('%i is written %s', (count, words) => {
  expect(grouped(count)).toBe(words)
})
