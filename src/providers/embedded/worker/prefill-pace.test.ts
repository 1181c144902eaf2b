import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FIRST_SLICE_TOKENS, PrefillPace, SLICE_TARGET_MS, sliceTokens } from './prefill-pace.ts'

test('the first slice is small, because nothing is known yet', () => {
  expect(new PrefillPace().nextSliceTokens(1_000, 128)).toBe(FIRST_SLICE_TOKENS)
})

test('a slice takes no longer than its target at the measured speed', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.03, max: 10, noNaN: true }), fc.integer({ min: 1, max: 10_000 }), (speed, rest) => {
      const tokens = sliceTokens(speed, rest, 128)
      expect(tokens / speed).toBeLessThanOrEqual(Math.max(SLICE_TARGET_MS, 4 / speed))
    }),
  )
})

test('a slice is at least one token, and never more than remains or than a batch holds', () => {
  const speed = fc.option(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), { nil: undefined })
  const size = fc.integer({ min: 1, max: 100_000 })
  fc.assert(
    fc.property(speed, size, size, (tokensPerMs, remaining, batch) => {
      const tokens = sliceTokens(tokensPerMs, remaining, batch)
      expect(tokens).toBeGreaterThanOrEqual(1)
      expect(tokens).toBeLessThanOrEqual(Math.min(remaining, batch))
    }),
  )
})

test('a change of speed is followed within a few slices', () => {
  const pace = new PrefillPace()
  for (let index = 0; index < 10; index++) pace.note(100, 100)
  for (let index = 0; index < 4; index++) pace.note(100, 1_000)
  expect(pace.tokensPerMs).toBeLessThan(0.16)
})

test('measurements that say nothing are passed over', () => {
  const pace = new PrefillPace()
  pace.note(0, 10)
  pace.note(10, 0)
  expect(pace.tokensPerMs).toBeUndefined()
})
