import { expect, test } from 'vitest'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { SystemGpuMeter } from './gpu-meter.ts'
import type { FoundGpu, GpuReader, GpuScan } from './gpu-reader.ts'

const GPU: FoundGpu = {
  name: 'A',
  vendor: 'nvidia',
  totalBytes: 100,
  usedBytes: 10,
  isShared: false,
  source: 'nvidia-smi',
}

/** A reader whose scans end when told, with what is told. */
class StagedReader implements GpuReader {
  readonly source = 'nvidia-smi'
  readonly #waiting: ((scan: GpuScan) => void)[] = []
  scans = 0

  scan(): Promise<GpuScan> {
    this.scans += 1
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  end(scan: GpuScan): void {
    this.#waiting.shift()?.(scan)
  }
}

/** One that answers at once, and takes `durationMs` of the clock. */
function readerOf(clock: VirtualClock, scan: () => GpuScan, durationMs = 0): GpuReader & { readonly scans: number } {
  const reader = {
    source: 'nvidia-smi' as const,
    scans: 0,
    async scan() {
      reader.scans += 1
      await clock.advanceTo(clock.nowMs() + durationMs)
      return scan()
    },
  }
  return reader
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const using = (usedBytes: number): GpuScan => ({ state: 'read', gpus: [{ ...GPU, usedBytes }] })

test('every GPU has its place, whichever way it was read', async () => {
  const clock = new VirtualClock(0)
  const meter = new SystemGpuMeter({
    clock,
    readers: [[readerOf(clock, () => ({ state: 'read', gpus: [GPU, GPU] }))], [readerOf(clock, () => using(5))]],
  })
  const gpus = await meter.read()
  expect(gpus.map(({ index, usedBytes }) => [index, usedBytes])).toEqual([
    [0, 10],
    [1, 10],
    [2, 5],
  ])
})

test('without a GPU the readers are tried once', async () => {
  const clock = new VirtualClock(0)
  const readers = [readerOf(clock, () => ({ state: 'absent' })), readerOf(clock, () => ({ state: 'absent' }))]
  const meter = new SystemGpuMeter({ clock, readers: [readers] })
  for (const isFresh of [false, true, false]) expect(await meter.read({ isFresh })).toEqual([])
  expect(readers.map(({ scans }) => scans)).toEqual([1, 1])
  expect(meter.faults).toEqual([])
})

test('of the ways to read one vendor, the first that finds something is kept', async () => {
  const clock = new VirtualClock(0)
  const ways = [
    readerOf(clock, () => ({ state: 'absent' })),
    readerOf(clock, () => using(1)),
    readerOf(clock, () => using(2)),
  ]
  const meter = new SystemGpuMeter({ clock, readers: [ways] })
  await meter.read()
  expect(await meter.read({ isFresh: true })).toMatchObject([{ usedBytes: 1 }])
  expect(ways.map(({ scans }) => scans)).toEqual([1, 2, 0])
})

test('a reader rests a hundred times as long as it took', async () => {
  const clock = new VirtualClock(0)
  const reader = readerOf(clock, () => using(1), 50)
  const meter = new SystemGpuMeter({ clock, readers: [[reader]] })
  await meter.read()
  await clock.advanceTo(50 + 4_999)
  await meter.read()
  expect(reader.scans).toBe(1)
  await clock.advanceTo(50 + 5_000)
  await meter.read()
  expect(reader.scans).toBe(2)
})

test('only the first reading is waited for; later the last one is told while the next is under way', async () => {
  const clock = new VirtualClock(0)
  const reader = new StagedReader()
  const meter = new SystemGpuMeter({ clock, readers: [[reader]] })
  const first = meter.read()
  reader.end(using(1))
  expect(await first).toMatchObject([{ usedBytes: 1 }])
  expect(await meter.read()).toMatchObject([{ usedBytes: 1 }])
  reader.end(using(2))
  await settled()
  expect(await meter.read()).toMatchObject([{ usedBytes: 2 }])
})

test('a reading of now is not one that began before it was asked for', async () => {
  const clock = new VirtualClock(0)
  const reader = new StagedReader()
  const meter = new SystemGpuMeter({ clock, readers: [[reader]] })
  const first = meter.read()
  reader.end(using(1))
  await first
  await meter.read()
  const fresh = meter.read({ isFresh: true })
  reader.end(using(2))
  await settled()
  reader.end(using(3))
  expect(await fresh).toMatchObject([{ usedBytes: 3 }])
})

test('a reader that fails keeps what it read, says why, and is left alone for a minute even by those in a hurry', async () => {
  const clock = new VirtualClock(0)
  let scan: GpuScan = using(7)
  const reader = readerOf(clock, () => scan)
  const meter = new SystemGpuMeter({ clock, readers: [[reader]] })
  await meter.read()
  scan = { state: 'failed', why: 'Driver/library version mismatch' }
  expect(await meter.read({ isFresh: true })).toMatchObject([{ usedBytes: 7 }])
  expect(meter.faults).toEqual([{ source: 'nvidia-smi', why: 'Driver/library version mismatch' }])
  await clock.advanceTo(59_999)
  await meter.read({ isFresh: true })
  expect(reader.scans).toBe(2)
  scan = using(8)
  await clock.advanceTo(60_000)
  expect(await meter.read({ isFresh: true })).toMatchObject([{ usedBytes: 8 }])
  expect(meter.faults).toEqual([])
})

test('a GPU that is taken out is gone', async () => {
  const clock = new VirtualClock(0)
  let scan: GpuScan = using(7)
  const meter = new SystemGpuMeter({ clock, readers: [[readerOf(clock, () => scan)]] })
  await meter.read()
  scan = { state: 'absent' }
  expect(await meter.read({ isFresh: true })).toEqual([])
})
