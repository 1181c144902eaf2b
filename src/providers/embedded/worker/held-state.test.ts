import { expect, test } from 'vitest'
import { HeldState } from './held-state.ts'

test('what is held and in no saved state counts from where both part', () => {
  const state = new HeldState()
  expect(state.unsavedTokens([1, 2, 3])).toBe(3)
  state.noteSaved(Uint32Array.from([1, 2]), [1, 2, 3], 'e1')
  expect([state.unsavedTokens([1, 2, 3]), state.unsavedTokens([1, 9, 3]), state.unsavedTokens([1])]).toEqual([1, 2, 0])
  state.noteLost()
  expect(state.entryId).toBeUndefined()
  expect(state.unsavedTokens([1, 2, 3])).toBe(3)
})

test('a save that is over late does not take the place of one that covers more of what is held', () => {
  const state = new HeldState()
  state.noteSaved(Uint32Array.from([5, 6, 7]), [5, 6, 7, 8], 'e1')
  state.noteSaved(Uint32Array.from([1, 2, 3]), [5, 6, 7, 8], 'e2')
  expect(state.entryId).toBe('e1')
  expect(state.unsavedTokens([5, 6, 7, 8])).toBe(1)
})
