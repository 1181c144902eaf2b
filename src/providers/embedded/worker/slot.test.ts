import { expect, test } from 'vitest'
import { commonLength } from '../../../spec/common-length.ts'
import { chooseSlot } from './slot.ts'

function slot(
  waiting: number,
  ...held: number[]
): { waiting: number; reusableTokens(prompt: readonly number[]): number } {
  return { waiting, reusableTokens: (prompt) => commonLength(held, prompt) }
}

test('of the free slots the one that needs to read least is chosen', () => {
  const slots = [slot(0, 1, 9), slot(0, 1, 2, 3), slot(0)]
  expect(chooseSlot(slots, [1, 2, 3, 4])).toBe(slots[1])
})

test('a free slot wins over a busy one that holds more', () => {
  const slots = [slot(1, 1, 2, 3), slot(0)]
  expect(chooseSlot(slots, [1, 2, 3])).toBe(slots[1])
})

test('with nothing in common the first free one is chosen', () => {
  const slots = [slot(2), slot(0, 7), slot(0, 8)]
  expect(chooseSlot(slots, [1])).toBe(slots[1])
})
