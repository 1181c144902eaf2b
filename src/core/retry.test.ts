import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DEFAULT_SETTINGS } from '../spec/settings.ts'
import { retryDelayMs } from './retry.ts'

const { retry } = DEFAULT_SETTINGS

test('1 s, 1.5 s, 2.25 s … and never more than 30 s (requirement R10)', () => {
  expect([0, 1, 2].map((failed) => retryDelayMs(failed, retry))).toEqual([1_000, 1_500, 2_250])
  expect(retryDelayMs(8, retry)).toBeCloseTo(25_628.9, 1)
  expect(retryDelayMs(9, retry)).toBe(30_000)
})

test('the pause never shrinks and never passes its bound, however many attempts failed', () => {
  fc.assert(
    fc.property(fc.nat(10_000), (failed) => {
      const delayMs = retryDelayMs(failed, retry)
      expect(delayMs).toBeLessThanOrEqual(retry.maxDelayMs)
      expect(retryDelayMs(failed + 1, retry)).toBeGreaterThanOrEqual(delayMs)
    }),
  )
})
