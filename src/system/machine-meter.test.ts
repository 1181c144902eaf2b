import { expect, test } from 'vitest'
import type { GpuReading } from '../spec/gpu.ts'
import type { MemoryMeter } from '../spec/memory.ts'
import { MachineMeter } from './machine-meter.ts'

const GPU: GpuReading = {
  index: 0,
  name: 'NVIDIA L4',
  vendor: 'nvidia',
  totalBytes: 24_000_000_000,
  usedBytes: 18_000_000_000,
  isShared: false,
  source: 'nvidia-smi',
}

function ram(pressureRatio: number): MemoryMeter {
  const pressureSources = [{ name: 'ram' as const, ratio: pressureRatio, note: 'ram' }]
  const bytes = { totalBytes: 100, usedBytes: 100 * pressureRatio, availableBytes: 100 * (1 - pressureRatio) }
  return { read: async () => ({ atMs: 1, ...bytes, pressureRatio, pressureSources, gpus: [] }) }
}

test('each GPU is a source of pressure, and the worst of all counts', async () => {
  const gpus = [GPU, { ...GPU, index: 1, usedBytes: 6_000_000_000 }]
  const meter = new MachineMeter(ram(0.5), { read: async () => gpus })
  const reading = await meter.read(0)
  expect(reading).toMatchObject({ totalBytes: 100, usedBytes: 50, pressureRatio: 0.75, gpus })
  expect(reading.pressureSources).toEqual([
    { name: 'ram', ratio: 0.5, note: 'ram' },
    { name: 'gpu0', ratio: 0.75, note: 'NVIDIA L4 (nvidia-smi): 18.0 GB of 24.0 GB in use' },
    { name: 'gpu1', ratio: 0.25, note: 'NVIDIA L4 (nvidia-smi): 6.0 GB of 24.0 GB in use' },
  ])
})

test('without a GPU the reading is that of the RAM', async () => {
  const meter = new MachineMeter(ram(0.5), { read: async () => [] })
  expect(await meter.read(0)).toEqual(await ram(0.5).read(0))
})

test('both are told what was asked for', async () => {
  const asked: unknown[] = []
  const meter = new MachineMeter(
    { read: (...all) => (asked.push(all), ram(0).read(0)) },
    { read: async (options) => (asked.push(options), []) },
  )
  await meter.read(5, { isFresh: true })
  expect(asked).toEqual([[5, { isFresh: true }], { isFresh: true }])
})
