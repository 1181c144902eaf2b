import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DecodeThreads, STRETCHES_UNTIL_REMEASURE } from './decode-threads.ts'

/** Threads chosen over some stretches, when a token takes as long as `tokenMs` says. */
function choose(
  chooser: DecodeThreads,
  stretches: number,
  share: number,
  tokenMs: (threads: number) => number,
): number[] {
  return Array.from({ length: stretches }, () => {
    const threads = chooser.next(share)
    chooser.note(threads, tokenMs(threads))
    return threads
  })
}

test('tries its share, half of it, down to 1, then stays with the fastest', () => {
  const chosen = choose(new DecodeThreads(), 6, 8, (threads) => Math.abs(threads - 4) + 1)
  expect(chosen).toEqual([8, 4, 2, 1, 4, 4])
})

test('a share of 1 leaves nothing to choose', () => {
  expect(new Set(choose(new DecodeThreads(), 100, 1, () => 5))).toEqual(new Set([1]))
})

test('never more threads than the share, however it changes', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 16 }), { minLength: 1, maxLength: 200 }), (shares) => {
      const chooser = new DecodeThreads()
      for (const share of shares) {
        const threads = chooser.next(share)
        expect(threads).toBeGreaterThanOrEqual(1)
        expect(threads).toBeLessThanOrEqual(share)
        chooser.note(threads, 10 / threads)
      }
    }),
  )
})

test('a machine that has become busier is noticed', () => {
  const chooser = new DecodeThreads()
  choose(chooser, 10, 2, (threads) => 10 / threads)
  expect(chooser.next(2)).toBe(2)
  choose(chooser, 6 * STRETCHES_UNTIL_REMEASURE, 2, (threads) => 10 * threads)
  const chosen = choose(chooser, STRETCHES_UNTIL_REMEASURE, 2, (threads) => 10 * threads)
  expect(chosen.filter((threads) => threads === 1).length).toBeGreaterThan(STRETCHES_UNTIL_REMEASURE - 4)
})

test('measuring costs little: nearly all stretches use the fastest number', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 8, maxLength: 8 }), (speeds) => {
      const tokenMs = (threads: number): number => (speeds[threads - 1] ?? 1) + threads / 1_000
      const best = [8, 4, 2, 1].reduce((a, b) => (tokenMs(b) < tokenMs(a) ? b : a))
      const chosen = choose(new DecodeThreads(), 320, 8, tokenMs)
      expect(chosen.filter((threads) => threads === best).length).toBeGreaterThan(270)
    }),
  )
})
