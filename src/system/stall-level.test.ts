import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DEFAULT_STALL_THRESHOLDS, stallRatio } from './stall-level.ts'

test.each([
  { some: 9.99, full: 0, refaults: 0, ratio: 0, what: 'less than 10 % of some is no pressure' },
  { some: 10, full: 0, refaults: 0, ratio: 0.7, what: '10 % of some is a warning' },
  { some: 100, full: 4.99, refaults: 0, ratio: 0.7, what: 'less than 5 % of full stays a warning' },
  { some: 0, full: 5, refaults: 0, ratio: 0.9, what: '5 % of full is critical' },
  { some: 0, full: 0, refaults: 1_000, ratio: 0, what: '1,000 refaults a second are no pressure' },
  { some: 0, full: 0, refaults: 1_000.1, ratio: 0.9, what: 'more than 1,000 refaults a second are critical' },
  { some: 10, full: 5, refaults: 5_000, ratio: 0.9, what: 'the worst of them counts' },
])('$what', ({ some, full, refaults, ratio }) => {
  expect(stallRatio({ some, full }, refaults, DEFAULT_STALL_THRESHOLDS)).toBe(ratio)
})

test('every threshold and level can be configured', () => {
  const thresholds = {
    warningSomePercent: 1,
    criticalFullPercent: 2,
    criticalRefaultsPerSecond: 3,
    warningRatio: 0.5,
    criticalRatio: 0.6,
  }
  expect(stallRatio({ some: 1, full: 1.9 }, 3, thresholds)).toBe(0.5)
  expect(stallRatio({ some: 0, full: 2 }, 0, thresholds)).toBe(0.6)
  expect(stallRatio({ some: 0, full: 0 }, 3.1, thresholds)).toBe(0.6)
})

test('more stall never means less pressure', () => {
  const percent = fc.double({ min: 0, max: 100, noNaN: true })
  const refaults = fc.double({ min: 0, max: 1e6, noNaN: true })
  fc.assert(
    fc.property(percent, percent, refaults, percent, percent, refaults, (some, full, pages, ...more) => {
      const worse = { some: Math.max(some, more[0]), full: Math.max(full, more[1]) }
      const calm = stallRatio({ some, full }, pages, DEFAULT_STALL_THRESHOLDS)
      expect(stallRatio(worse, Math.max(pages, more[2]), DEFAULT_STALL_THRESHOLDS)).toBeGreaterThanOrEqual(calm)
    }),
  )
})
