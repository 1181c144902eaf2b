import { totalmem } from 'node:os'
import { expect, test } from 'vitest'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { PortableMemoryMeter } from './portable-memory-meter.ts'

test('without a better source Node’s figures are given, and said to be estimated', async () => {
  const reading = await new PortableMemoryMeter(new VirtualClock(42)).read(1_000_000)
  expect(reading.atMs).toBe(42)
  expect(reading.totalBytes).toBe(totalmem())
  expect(reading.availableBytes).toBe(reading.totalBytes - reading.usedBytes)
  expect(reading.usedBytes).toBeGreaterThan(0)
  expect(reading.pressureRatio).toBe(reading.usedBytes / reading.totalBytes)
  expect(reading.pressureSources).toEqual([
    {
      name: 'ram',
      ratio: reading.pressureRatio,
      note: expect.stringMatching(/^host \(estimated\): .* caches included$/),
    },
  ])
})
