import { expect, test } from 'vitest'
import { systemText } from '../../test/support/system-ground.ts'
import { metalLimitBytes, parseAccelerators } from './apple-gpu.ts'

const MIB = 1_048_576
const GIB = 1_024 * MIB

test('a recorded GPU of Apple silicon: its own name, and the memory that it has now, not that of its driver', () => {
  expect(parseAccelerators(systemText('ioreg-accelerator.txt'), 10 * GIB)).toEqual([
    {
      name: 'Apple M4',
      vendor: 'apple',
      totalBytes: 10 * GIB,
      usedBytes: 351_141_888,
      isShared: true,
      source: 'ioreg',
    },
  ])
})

test.each([
  ['nothing', ''],
  [
    'a GPU of an Intel Mac',
    '+-o X\n "PerformanceStatistics" = {"In use system memory"=5}\n "model" = <"Intel(R) UHD">',
  ],
  ['one that tells no use', '+-o X\n  "model" = "Apple M1"\n'],
])('%s is no GPU', (_, text) => {
  expect(parseAccelerators(text, GIB)).toEqual([])
})

test.each([
  [16, 10_922.67],
  [32, 21_845.34],
  [96, 73_728],
])('the limit of %d GiB is what llama.cpp printed: %d MiB', (ramGib, mib) => {
  expect(metalLimitBytes(ramGib * GIB, '0\n') / MIB).toBeCloseTo(mib, 1)
})

test('a limit that was set holds, and never exceeds the RAM', () => {
  expect(metalLimitBytes(32 * GIB, '26000\n')).toBe(26_000 * MIB)
  expect(metalLimitBytes(8 * GIB, '26000\n')).toBe(8 * GIB)
  expect(metalLimitBytes(12 * GIB, 'unknown oid')).toBe(8 * GIB)
})
