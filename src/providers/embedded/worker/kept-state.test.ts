import fc from 'fast-check'
import { expect, test } from 'vitest'
import { commonLength } from '../../../spec/common-length.ts'
import { keepableTokens, type StateView } from './kept-state.ts'

const plain: StateView = { heldTokens: 100, oldestToken: 0, checkpoints: [] }
/** Has only the state behind its last token. */
const recurrent: StateView = { heldTokens: 100, oldestToken: 99, checkpoints: [30, 60] }
/** Looks back 20 tokens and still has those from 50 on. */
const sliding: StateView = { heldTokens: 100, oldestToken: 50, slidingTokens: 20, checkpoints: [30, 60] }

test.each([
  ['what is held and goes on is kept whole, by any kind', recurrent, 100, 100],
  ['keys and values are cut anywhere', plain, 1, 1],
  ['a recurrent state goes back to its last checkpoint', recurrent, 99, 60],
  ['… a checkpoint exactly there included', recurrent, 30, 30],
  ['… and to nothing before the first', recurrent, 29, 0],
  ['a sliding window is cut where all that is looked at is still there', sliding, 70, 70],
  ['… and one token earlier goes back to a checkpoint', sliding, 69, 60],
  ['a window that has not slid yet is cut anywhere', { ...sliding, oldestToken: 0 }, 5, 5],
  ['with nothing in common nothing is kept', plain, 0, 0],
])('%s', (_, view, commonTokens, kept) => {
  expect(keepableTokens(commonTokens, view)).toBe(kept)
})

test('never more is kept than is held and common, and every point that is gone back to is really there', () => {
  const views = fc.record({
    heldTokens: fc.nat(200),
    oldestToken: fc.integer({ min: -1, max: 200 }),
    slidingTokens: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
    checkpoints: fc.array(fc.nat(200)).map((points) => points.toSorted((a, b) => a - b)),
  })
  fc.assert(
    fc.property(views, fc.nat(200), (view, common) => {
      const commonTokens = Math.min(common, view.heldTokens)
      const kept = keepableTokens(commonTokens, view)
      expect(kept).toBeLessThanOrEqual(commonTokens)
      const isThere = kept === 0 || kept === view.heldTokens || view.checkpoints.includes(kept)
      const reachesBack = view.oldestToken <= Math.max(0, kept - (view.slidingTokens ?? kept))
      expect(isThere || reachesBack).toBe(true)
    }),
  )
})

test('the common length is that of the longest common beginning', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3)), fc.array(fc.nat(3)), (a, b) => {
      const length = commonLength(a, b)
      expect(a.slice(0, length)).toEqual(b.slice(0, length))
      expect(length === Math.min(a.length, b.length) || a[length] !== b[length]).toBe(true)
    }),
  )
})
