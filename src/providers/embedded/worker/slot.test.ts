import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chooseSlot, commonLength } from './slot.ts'

function slot(
  waiting: number,
  ...held: number[]
): { waiting: number; commonTokens(prompt: readonly number[]): number } {
  return { waiting, commonTokens: (prompt) => commonLength(held, prompt) }
}

test('of the free slots the one that holds most of the beginning is chosen', () => {
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

test('the common length is that of the longest common beginning', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3)), fc.array(fc.nat(3)), (a, b) => {
      const length = commonLength(a, b)
      expect(a.slice(0, length)).toEqual(b.slice(0, length))
      expect(length === Math.min(a.length, b.length) || a[length] !== b[length]).toBe(true)
    }),
  )
})
