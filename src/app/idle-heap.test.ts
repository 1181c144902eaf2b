import { expect, test } from 'vitest'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { IdleHeap, WORTH_BYTES } from './idle-heap.ts'

function stage() {
  const clock = new VirtualClock(0)
  const heap = { bytes: 60_000_000, isBusy: false, trims: 0 }
  const idleHeap = new IdleHeap({
    clock,
    isBusy: () => heap.isBusy,
    heapBytes: () => heap.bytes,
    trim: () => {
      heap.trims += 1
      heap.bytes = 30_000_000
    },
  })
  return { clock, heap, idleHeap }
}

async function advance(clock: VirtualClock, byMs: number): Promise<void> {
  await clock.advanceTo(clock.nowMs() + byMs)
}

test('what the start left is given back once, when nobody asks for anything', async () => {
  const { clock, heap } = stage()
  await advance(clock, 2_999)
  expect(heap.trims).toBe(0)
  await advance(clock, 60_000)
  expect(heap.trims).toBe(1)
})

test('never while an answer is on its way, nor right after it', async () => {
  const { clock, heap, idleHeap } = stage()
  heap.isBusy = true
  await advance(clock, 60_000)
  heap.isBusy = false
  idleHeap.noteUse()
  await advance(clock, 2_900)
  expect(heap.trims).toBe(0)
  await advance(clock, 3_000)
  expect(heap.trims).toBe(1)
})

test.for([
  { grownBytes: WORTH_BYTES - 1, trims: 1 },
  { grownBytes: WORTH_BYTES, trims: 2 },
])('again only once the heap has grown by what is worth it: $grownBytes', async ({ grownBytes, trims }) => {
  const { clock, heap } = stage()
  await advance(clock, 10_000)
  heap.bytes += grownBytes
  await advance(clock, 60_000)
  expect(heap.trims).toBe(trims)
})

test('nothing is looked at once it is stopped', async () => {
  const { clock, heap, idleHeap } = stage()
  idleHeap.stop()
  await advance(clock, 60_000)
  expect(heap.trims).toBe(0)
})
