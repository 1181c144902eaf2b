import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sampleToken, seededRandom, type Weight } from './token-sampler.ts'

const FOUR: readonly Weight[] = [
  [7, 0.5],
  [3, 0.3],
  [9, 0.15],
  [1, 0.05],
]
/** Everything allowed, nothing bent. */
const OPEN = { temperature: 1, topK: 0, topP: 1, minP: 0 }

/** The tokens that can come at all. */
function possible(sampling: object, seen: readonly number[] = []): number[] {
  const draws = Array.from({ length: 200 }, (_, index) =>
    sampleToken(FOUR, { ...OPEN, ...sampling }, seen, () => index / 200),
  )
  return [...new Set(draws)].sort((a, b) => a - b)
}

describe('what may be chosen', () => {
  test.each<[string, object, number[]]>([
    ['everything', {}, [1, 3, 7, 9]],
    ['greedy: the most likely', { temperature: 0 }, [7]],
    ['the two most likely', { topK: 2 }, [3, 7]],
    ['as many as sum up to a share', { topP: 0.81 }, [3, 7, 9]],
    ['no more than sum up to it', { topP: 0.8 }, [3, 7]],
    ['at least so likely as a share of the best', { minP: 0.3 }, [3, 7, 9]],
    ['the best one always', { minP: 1 }, [7]],
  ])('%s', (_, sampling, tokens) => {
    expect(possible(sampling)).toEqual(tokens)
  })
})

test('each token comes as often as it is likely', () => {
  const random = seededRandom(5)
  const draws = Array.from({ length: 20_000 }, () => sampleToken(FOUR, OPEN, [], random))
  for (const [token, probability] of FOUR) {
    const share = draws.filter((drawn) => drawn === token).length / draws.length
    expect(Math.abs(share - probability)).toBeLessThan(0.015)
  }
})

test('a low temperature favours the likely ones, a high one levels them', () => {
  const share = (temperature: number): number => {
    const random = seededRandom(1)
    const draws = Array.from({ length: 2_000 }, () => sampleToken(FOUR, { ...OPEN, temperature }, [], random))
    return draws.filter((token) => token === 7).length / draws.length
  }
  expect(share(0.2)).toBeGreaterThan(0.9)
  expect(share(10)).toBeLessThan(0.35)
})

test('penalties make what was seen less likely, greedy too', () => {
  const greedy = { ...OPEN, temperature: 0 }
  expect(sampleToken(FOUR, { ...greedy, presencePenalty: 2 }, [7], () => 0)).toBe(3)
  expect(sampleToken(FOUR, { ...greedy, frequencyPenalty: 0.2 }, [7, 7, 7], () => 0)).toBe(3)
  expect(sampleToken(FOUR, { ...greedy, repeatPenalty: 2 }, [7], () => 0)).toBe(3)
  expect(sampleToken(FOUR, { ...greedy, repeatPenalty: 2 }, [1], () => 0)).toBe(7)
})

test('the same seed gives the same numbers, all of them in [0, 1)', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const [one, two] = [seededRandom(seed), seededRandom(seed)]
      const numbers = Array.from({ length: 20 }, () => one())
      expect(numbers).toEqual(Array.from({ length: 20 }, () => two()))
      expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true)
    }),
  )
})

test('a token of the distribution comes, whatever the options', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  const options = fc.record({
    temperature: fc.double({ min: 0, max: 2, noNaN: true }),
    topK: fc.nat(6),
    topP: share,
    minP: share,
    repeatPenalty: fc.double({ min: 0, max: 10, noNaN: true }),
    presencePenalty: fc.double({ min: -2, max: 2, noNaN: true }),
  })
  const below1 = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(options, below1, fc.array(fc.constantFrom(1, 3, 7)), (sampling, random, seen) => {
      expect([1, 3, 7, 9]).toContain(sampleToken(FOUR, sampling, seen, () => random))
    }),
  )
})
