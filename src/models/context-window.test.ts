import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FootprintEstimate } from '../spec/model.ts'
import { grownWindow } from './context-window.ts'

/** 100 bytes beside 2 for each token. */
function estimateAt(contextTokens: number): FootprintEstimate {
  return { weightsBytes: 80, contextBytes: contextTokens * 2, processBytes: 20, source: 'estimated' }
}

test.each([
  // What is wished for, what the model has, what memory has: one less, the same, one more.
  [{ leastContextTokens: 999, mostBytes: 1e9 }, 1_000],
  [{ leastContextTokens: 1_000, mostBytes: 1e9 }, 1_000],
  [{ leastContextTokens: 1_001, mostBytes: 1e9 }, 1_001],
  [{ leastContextTokens: 4_999, mostBytes: 1e9 }, 4_999],
  [{ leastContextTokens: 5_000, mostBytes: 1e9 }, 5_000],
  [{ leastContextTokens: 5_001, mostBytes: 1e9 }, 5_000],
  [{ leastContextTokens: 4_000, mostBytes: 8_099 }, 3_999],
  [{ leastContextTokens: 4_000, mostBytes: 8_100 }, 4_000],
  [{ leastContextTokens: 4_000, mostBytes: 8_101 }, 4_000],
  // Never smaller than configured: whether that fits is for admission to say.
  [{ leastContextTokens: 4_000, mostBytes: 0 }, 1_000],
])('%j of 1,000 configured and 5,000 at most: %i', (wish, contextTokens) => {
  expect(grownWindow(1_000, 5_000, wish, estimateAt)).toBe(contextTokens)
})

test('it is the largest that fits, whatever is wished for', () => {
  const size = fc.integer({ min: 1, max: 20_000 })
  fc.assert(
    fc.property(
      size,
      size,
      size,
      fc.integer({ min: 0, max: 50_000 }),
      (configured, most, leastContextTokens, mostBytes) => {
        const window = grownWindow(configured, most, { leastContextTokens, mostBytes }, estimateAt)
        const bound = Math.max(configured, Math.min(most, leastContextTokens))
        expect(window).toBeGreaterThanOrEqual(configured)
        expect(window).toBeLessThanOrEqual(bound)
        if (window > configured) expect(100 + window * 2).toBeLessThanOrEqual(mostBytes)
        if (window < bound) expect(100 + (window + 1) * 2).toBeGreaterThan(mostBytes)
      },
    ),
  )
})
