import { expect, test } from 'vitest'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { PacedReading } from './paced-reading.ts'

/** Something that counts how often it was read, each time in `durationMs`. */
function stage(durationMs: number, leastRestMs?: (value: number) => number) {
  const clock = new VirtualClock(1_000)
  let reads = 0
  const ends: (() => void)[] = []
  const reading = new PacedReading<number>({
    clock,
    async read() {
      const value = ++reads
      await new Promise<void>((resolve) => ends.push(resolve))
      clock.sleep(durationMs)
      return value
    },
    ...(leastRestMs && { leastRestMs }),
  })
  const end = async (): Promise<void> => {
    ends.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { clock, reading, end, reads: () => reads }
}

test('there is nothing before the first reading, and asking begins it', async () => {
  const { reading, end, reads } = stage(10)
  expect(reading.latest()).toBeUndefined()
  expect(reading.latest()).toBeUndefined()
  expect(reads()).toBe(1)
  await end()
  expect(reading.latest()).toBe(1)
})

test('it is read again after a hundred times its own duration, while the old value is told', async () => {
  const { clock, reading, end, reads } = stage(10)
  const first = reading.known()
  await end()
  expect(await first).toBe(1)
  clock.sleep(999)
  expect(await reading.known()).toBe(1)
  expect(reads()).toBe(1)
  clock.sleep(1)
  expect(await reading.known()).toBe(1)
  expect(reads()).toBe(2)
  await end()
  expect(await reading.known()).toBe(2)
})

test('a value may ask for a longer rest', async () => {
  const { clock, reading, end, reads } = stage(10, (value) => (value === 1 ? 60_000 : 0))
  reading.latest()
  await end()
  clock.sleep(59_999)
  reading.latest()
  expect(reads()).toBe(1)
  clock.sleep(1)
  reading.latest()
  expect(reads()).toBe(2)
})

test('a reading of now begins after it is asked for', async () => {
  const { reading, end } = stage(10)
  reading.latest()
  const fresh = reading.fresh()
  await end()
  await end()
  expect(await fresh).toBe(2)
})

test('a reading that fails leaves no old value behind', async () => {
  const clock = new VirtualClock(0)
  let isBroken = false
  const reading = new PacedReading({
    clock,
    async read() {
      if (isBroken) throw new Error('gone')
      return 1
    },
  })
  expect(await reading.known()).toBe(1)
  isBroken = true
  expect(await reading.known()).toBe(1)
  await new Promise((resolve) => setImmediate(resolve))
  await expect(reading.known()).rejects.toThrow('gone')
  isBroken = false
  expect(await reading.known()).toBe(1)
})
