import { expect, test } from 'vitest'
import { LEAST_GAIN_TOKENS } from '../../restore-gain.ts'
import { leastGainTokens, transferMs } from './restore-worth.ts'

test('a restore has to spare what is read in the time that it takes, and never less than the least', () => {
  expect(leastGainTokens(undefined)).toBe(LEAST_GAIN_TOKENS)
  expect([3.19, 3.2, 3.21].map((pace) => leastGainTokens(pace))).toEqual([64, 64, 65])
  expect(leastGainTokens(5)).toBe(100)
  expect(leastGainTokens(5, 0)).toBe(LEAST_GAIN_TOKENS)
})

test('a file is expected to take 50 ms and its bytes at 1 GB/s', () => {
  expect([0, 46_000_000].map(transferMs)).toEqual([50, 96])
})
