import { expect, test } from 'vitest'
import { heapBytes, trimHeap } from './own-heap.ts'

test('what nobody holds any more goes back to the system', () => {
  trimHeap()
  const neededBytes = heapBytes()
  let held: object[] = Array.from({ length: 400_000 }, (_, index) => ({ index }))
  expect(held).toHaveLength(400_000)
  const grownBytes = heapBytes() - neededBytes
  expect(grownBytes).toBeGreaterThan(5_000_000)
  held = []
  trimHeap()
  expect(heapBytes() - neededBytes).toBeLessThan(grownBytes / 2)
})
