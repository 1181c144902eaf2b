import { expect, test } from 'vitest'
import { systemText } from '../../test/support/system-ground.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { type MacFigures, MacMemoryMeter, macReading } from './mac-memory-meter.ts'

const FIGURES: MacFigures = {
  vmStat: systemText('vm-stat-16k.txt'),
  pressureLevel: '1\n',
  totalBytes: 34_359_738_368,
}
const USED_BYTES = (139_556 + 111_914 + 1_169_149 - 19_409) * 16_384

test('a recorded Mac: what it cannot drop is in use, and the system calls that normal', () => {
  const reading = macReading(FIGURES, 0, 7)
  expect(reading).toEqual({
    atMs: 7,
    totalBytes: 34_359_738_368,
    usedBytes: USED_BYTES,
    availableBytes: 34_359_738_368 - USED_BYTES,
    pressureRatio: USED_BYTES / 34_359_738_368,
    pressureSources: [
      { name: 'ram', ratio: USED_BYTES / 34_359_738_368, note: 'host: 23.0 GB of 34.4 GB in use' },
      { name: 'stall', ratio: 0, note: 'macOS calls its memory pressure normal' },
    ],
    gpus: [],
  })
})

test('mapped weights are needed, and nothing is more than all of it', () => {
  expect(macReading(FIGURES, 1_000_000_000, 0).usedBytes).toBe(USED_BYTES + 1_000_000_000)
  const full = macReading(FIGURES, 40_000_000_000, 0)
  expect(full).toMatchObject({ usedBytes: FIGURES.totalBytes, availableBytes: 0, pressureRatio: 1 })
})

test.each([
  ['2\n', 0.7],
  ['4\n', 0.9],
])('the level %j of the system is a pressure of %d', (pressureLevel, pressureRatio) => {
  expect(macReading({ ...FIGURES, pressureLevel }, 0, 0).pressureRatio).toBe(pressureRatio)
})

test.each(['', '3', 'unknown oid'])('a level of %j says nothing', (pressureLevel) => {
  const { pressureSources } = macReading({ ...FIGURES, pressureLevel }, 0, 0)
  expect(pressureSources.map(({ name }) => name)).toEqual(['ram'])
})

test('without figures there is no reading', async () => {
  const meter = new MacMemoryMeter(new VirtualClock(0), async () => ({ ...FIGURES, vmStat: '' }))
  await expect(meter.read(0)).rejects.toThrow('vm_stat')
})

test('around loads the figures are of now', async () => {
  let reads = 0
  const clock = new VirtualClock(0)
  const meter = new MacMemoryMeter(clock, async () => {
    reads += 1
    clock.sleep(5)
    return FIGURES
  })
  await meter.read(0)
  await meter.read(0)
  expect(reads).toBe(1)
  await meter.read(0, { isFresh: true })
  expect(reads).toBe(2)
})
