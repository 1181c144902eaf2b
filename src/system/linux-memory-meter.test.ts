import { describe, expect, test } from 'vitest'
import { systemText, TemporaryFolder } from '../../test/support/system-ground.ts'
import type { MemoryReading } from '../spec/memory.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { LinuxMemoryMeter } from './linux-memory-meter.ts'
import { SystemClock } from './system-clock.ts'

const MB = 1_000_000
const GROUP_V1 = 'sys/fs/cgroup/memory/containers/job-1'
const GROUP_V2 = 'sys/fs/cgroup/user.slice/grym.service'
const UNLIMITED_V1 = '9223372036854771712\n'
/** 10,240 MB, of which 6,144 MB are available: 4,096 MB in use. */
const HOST = 'MemTotal:       10000000 kB\nMemFree:         1000000 kB\nMemAvailable:    6000000 kB\n'

/** A machine of files under a folder. */
class Machine implements AsyncDisposable {
  readonly clock = new VirtualClock(1_000_000)
  isGenerating = false
  readonly #root: TemporaryFolder
  readonly #meter: LinuxMemoryMeter

  private constructor(root: TemporaryFolder) {
    this.#root = root
    const isGenerating = (): boolean => this.isGenerating
    this.#meter = new LinuxMemoryMeter({ clock: this.clock, isGenerating, root: root.path })
  }

  static async make(files: Readonly<Record<string, string>>): Promise<Machine> {
    return new Machine(await TemporaryFolder.make({ 'proc/meminfo': HOST, ...files }))
  }

  /** A machine with the recorded cgroup v1 hierarchy. */
  static v1(files: Readonly<Record<string, string>>): Promise<Machine> {
    const v1 = {
      'proc/self/cgroup': systemText('cgroup-v1.txt'),
      'proc/self/mountinfo': systemText('mountinfo-v1.txt'),
    }
    return Machine.make({ ...v1, ...files })
  }

  static v2(files: Readonly<Record<string, string>>): Promise<Machine> {
    const v2 = {
      'proc/self/cgroup': systemText('cgroup-v2.txt'),
      'proc/self/mountinfo': systemText('mountinfo-v2.txt'),
    }
    return Machine.make({ ...v2, ...files })
  }

  read(heldFileBytes = 0): Promise<MemoryReading> {
    return this.#meter.read(heldFileBytes)
  }

  write(name: string, text: string): Promise<void> {
    return this.#root.write(name, text)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#root[Symbol.asyncDispose]()
  }
}

function statV1(rssBytes: number, mappedBytes: number, refaultedPages = 0): string {
  const unmapped = `total_cache ${5_000 * MB}\n`
  return `rss 1\nmapped_file 1\n${unmapped}total_rss ${rssBytes}\ntotal_mapped_file ${mappedBytes}\ntotal_workingset_refault_file ${refaultedPages}\n`
}

describe('a host without a limit', () => {
  test('needs MemTotal − MemAvailable', async () => {
    await using machine = await Machine.make({})
    expect(await machine.read()).toEqual({
      atMs: 1_000_000,
      totalBytes: 10_240 * MB,
      usedBytes: 4_096 * MB,
      availableBytes: 6_144 * MB,
      pressureRatio: 0.4,
      pressureSources: [{ name: 'ram', ratio: 0.4, note: 'host: 4.1 GB of 10.2 GB in use' }],
      gpus: [],
    })
  })

  test('needs the weights of loaded models too, although the kernel could drop them', async () => {
    await using machine = await Machine.make({})
    expect(await machine.read(1_024 * MB)).toMatchObject({
      usedBytes: 5_120 * MB,
      availableBytes: 5_120 * MB,
      pressureRatio: 0.5,
    })
  })

  test('is full, not more than full, when the weights are larger than what is available', async () => {
    await using machine = await Machine.make({})
    expect(await machine.read(9_000 * MB)).toMatchObject({
      usedBytes: 10_240 * MB,
      availableBytes: 0,
      pressureRatio: 1,
    })
  })

  test('is one too where the recorded v1 groups have the value that means "none"', async () => {
    await using machine = await Machine.v1({
      [`${GROUP_V1}/memory.limit_in_bytes`]: UNLIMITED_V1,
      [`${GROUP_V1}/memory.stat`]: systemText('memory-stat-v1.txt'),
      'sys/fs/cgroup/memory/memory.limit_in_bytes': UNLIMITED_V1,
    })
    expect(await machine.read()).toMatchObject({ totalBytes: 10_240 * MB, usedBytes: 4_096 * MB, pressureRatio: 0.4 })
  })

  test.each([
    ['as large as the host', `${10_240 * MB}\n`],
    ['larger than the host', `${20_000 * MB}\n`],
    ['an empty file', ''],
    ['garbage', 'lots\n'],
  ])('a limit that is %s limits nothing', async (_, limit) => {
    await using machine = await Machine.v1({ [`${GROUP_V1}/memory.limit_in_bytes`]: limit })
    expect(await machine.read()).toMatchObject({ totalBytes: 10_240 * MB, pressureRatio: 0.4 })
  })

  test('whose meminfo is recorded', async () => {
    await using machine = await Machine.make({ 'proc/meminfo': systemText('meminfo.txt') })
    const usedBytes = (24_684_096 - 24_154_484) * 1_024
    expect(await machine.read()).toMatchObject({ totalBytes: 24_684_096 * 1_024, usedBytes })
  })

  test('whose meminfo is cut has no memory to give, and one without it cannot be read', async () => {
    await using machine = await Machine.make({ 'proc/meminfo': 'MemTotal:       10000000 kB\nMemFr' })
    expect(await machine.read()).toMatchObject({ totalBytes: 10_240 * MB, availableBytes: 0, pressureRatio: 1 })
    await using folder = await TemporaryFolder.make()
    const meter = new LinuxMemoryMeter({ clock: machine.clock, isGenerating: () => false, root: folder.path })
    await expect(meter.read(0)).rejects.toThrow('/proc/meminfo cannot be read.')
  })
})

describe('a limit of cgroup v1', () => {
  test('is the total; used is total_rss + total_mapped_file, and unmapped cache is never pressure', async () => {
    await using machine = await Machine.v1({
      [`${GROUP_V1}/memory.limit_in_bytes`]: `${2_000 * MB}\n`,
      [`${GROUP_V1}/memory.stat`]: statV1(500 * MB, 300 * MB),
    })
    expect(await machine.read()).toEqual({
      atMs: 1_000_000,
      totalBytes: 2_000 * MB,
      usedBytes: 800 * MB,
      availableBytes: 1_200 * MB,
      pressureRatio: 0.4,
      pressureSources: [{ name: 'ram', ratio: 0.4, note: 'cgroup v1 limit: 800.0 MB of 2.0 GB in use' }],
      gpus: [],
    })
  })

  test.each([
    ['less than what is mapped: they are part of it', 100, 800],
    ['as much as is mapped', 300, 800],
    ['more than is charged here: another group read them first, this one needs them all the same', 700, 1_200],
  ])('the weights of loaded models are %s', async (_, heldMb, usedMb) => {
    await using machine = await Machine.v1({
      [`${GROUP_V1}/memory.limit_in_bytes`]: `${2_000 * MB}\n`,
      [`${GROUP_V1}/memory.stat`]: statV1(500 * MB, 300 * MB),
    })
    expect(await machine.read(heldMb * MB)).toMatchObject({
      usedBytes: usedMb * MB,
      pressureRatio: usedMb / 2_000,
    })
  })

  test('nested: the smallest on the path counts, with the memory of the group that has it', async () => {
    const limits = (innerMb: number, outerMb: number): Record<string, string> => ({
      [`${GROUP_V1}/memory.limit_in_bytes`]: `${innerMb * MB}\n`,
      [`${GROUP_V1}/memory.stat`]: statV1(100 * MB, 100 * MB),
      'sys/fs/cgroup/memory/containers/memory.limit_in_bytes': `${outerMb * MB}\n`,
      'sys/fs/cgroup/memory/containers/memory.stat': statV1(900 * MB, 300 * MB),
      'sys/fs/cgroup/memory/memory.limit_in_bytes': UNLIMITED_V1,
    })
    await using outer = await Machine.v1(limits(2_000, 1_500))
    expect(await outer.read()).toMatchObject({ totalBytes: 1_500 * MB, usedBytes: 1_200 * MB, pressureRatio: 0.8 })
    await using inner = await Machine.v1(limits(1_000, 1_500))
    expect(await inner.read()).toMatchObject({ totalBytes: 1_000 * MB, usedBytes: 200 * MB, pressureRatio: 0.2 })
  })

  test('what the host has left counts when it is less than what the limit leaves', async () => {
    await using machine = await Machine.v1({
      'proc/meminfo': HOST.replace('6000000', '195313'),
      [`${GROUP_V1}/memory.limit_in_bytes`]: `${2_000 * MB}\n`,
      [`${GROUP_V1}/memory.stat`]: statV1(500 * MB, 300 * MB),
    })
    const leftBytes = 195_313 * 1_024
    expect(await machine.read()).toMatchObject({
      availableBytes: leftBytes,
      usedBytes: 2_000 * MB - leftBytes,
      pressureRatio: (2_000 * MB - leftBytes) / (2_000 * MB),
    })
  })

  test('a group over its limit is full, not more than full', async () => {
    await using machine = await Machine.v1({
      [`${GROUP_V1}/memory.limit_in_bytes`]: `${500 * MB}\n`,
      [`${GROUP_V1}/memory.stat`]: statV1(500 * MB, 300 * MB),
    })
    expect(await machine.read()).toMatchObject({ usedBytes: 500 * MB, availableBytes: 0, pressureRatio: 1 })
  })

  test('that is changed while the daemon runs is seen by the next reading', async () => {
    await using machine = await Machine.v1({
      [`${GROUP_V1}/memory.limit_in_bytes`]: `${2_000 * MB}\n`,
      [`${GROUP_V1}/memory.stat`]: statV1(500 * MB, 300 * MB),
    })
    await machine.read()
    await machine.write(`${GROUP_V1}/memory.limit_in_bytes`, `${1_000 * MB}\n`)
    expect(await machine.read()).toMatchObject({ totalBytes: 1_000 * MB, pressureRatio: 0.8 })
  })
})

describe('a limit of cgroup v2 (unverified: written from the kernel’s documentation)', () => {
  test('used is anon + file_mapped + slab_unreclaimable + kernel_stack', async () => {
    await using machine = await Machine.v2({
      [`${GROUP_V2}/memory.max`]: `${1_000 * MB}\n`,
      [`${GROUP_V2}/memory.stat`]: systemText('memory-stat-v2.txt'),
    })
    const reading = await machine.read()
    expect(reading).toMatchObject({ totalBytes: 1_000 * MB, usedBytes: 159 * MB, pressureRatio: 0.159 })
    expect(reading.pressureSources[0]?.note).toBe('cgroup v2 limit: 159.0 MB of 1.0 GB in use')
  })

  test('the weights of loaded models replace the mapped files they are more than', async () => {
    await using machine = await Machine.v2({
      [`${GROUP_V2}/memory.max`]: `${1_000 * MB}\n`,
      [`${GROUP_V2}/memory.stat`]: systemText('memory-stat-v2.txt'),
    })
    expect((await machine.read(400 * MB)).usedBytes).toBe(509 * MB)
  })

  test('`max` is no limit, and the ancestor’s one counts', async () => {
    await using machine = await Machine.v2({
      [`${GROUP_V2}/memory.max`]: 'max\n',
      'sys/fs/cgroup/user.slice/memory.max': `${2_000 * MB}\n`,
      'sys/fs/cgroup/user.slice/memory.stat': `anon ${1_000 * MB}\nfile ${900 * MB}\n`,
    })
    expect(await machine.read()).toMatchObject({ totalBytes: 2_000 * MB, pressureRatio: 0.5 })
    await using unlimited = await Machine.v2({ [`${GROUP_V2}/memory.max`]: 'max\n' })
    expect(await unlimited.read()).toMatchObject({ totalBytes: 10_240 * MB, pressureRatio: 0.4 })
  })
})

describe('stalls', () => {
  const psi = (some: number, full: number): string =>
    `some avg10=${some.toFixed(2)} avg60=0.00 avg300=0.00 total=1\nfull avg10=${full.toFixed(2)} avg60=0.00 avg300=0.00 total=1\n`

  test('a kernel without PSI has no stall signal', async () => {
    await using machine = await Machine.make({ 'proc/vmstat': systemText('vmstat.txt') })
    machine.isGenerating = true
    expect((await machine.read()).pressureSources.map(({ name }) => name)).toEqual(['ram'])
  })

  test('the recorded calm machine has a stall signal of zero', async () => {
    await using machine = await Machine.make({ 'proc/pressure/memory': systemText('pressure-memory.txt') })
    expect((await machine.read()).pressureSources[1]).toEqual({
      name: 'stall',
      ratio: 0,
      note: 'some 0 %, full 0 %, 0 refaults/s',
    })
  })

  test.each([
    { some: 9.99, full: 0, stall: 0, pressure: 0.4 },
    { some: 10, full: 4.99, stall: 0.7, pressure: 0.7 },
    { some: 10, full: 5, stall: 0.9, pressure: 0.9 },
  ])('some $some %, full $full %: pressure is the worst, $pressure', async ({ some, full, stall, pressure }) => {
    await using machine = await Machine.make({ 'proc/pressure/memory': psi(some, full) })
    const reading = await machine.read()
    expect(reading.pressureRatio).toBe(pressure)
    expect(reading.pressureSources.map(({ ratio }) => ratio)).toEqual([0.4, stall])
  })

  test('memory that is fuller than the stall’s level stays the pressure', async () => {
    await using machine = await Machine.make({ 'proc/pressure/memory': psi(10, 0) })
    expect((await machine.read(6_000 * MB)).pressureRatio).toBeGreaterThan(0.95)
  })
})

describe('refaults', () => {
  const vmstat = (pages: number): string => `nr_free_pages 5\nworkingset_refault_file ${pages}\n`

  /** Stall ratio one second after a first reading, when the counter went from 5,000 to so many pages. */
  async function stallAfter(pages: number, isGenerating: boolean): Promise<number | undefined> {
    await using machine = await Machine.make({
      'proc/pressure/memory': systemText('pressure-memory.txt'),
      'proc/vmstat': vmstat(5_000),
    })
    machine.isGenerating = isGenerating
    await machine.read()
    await machine.clock.advanceTo(1_001_000)
    await machine.write('proc/vmstat', vmstat(pages))
    return (await machine.read()).pressureSources[1]?.ratio
  }

  test('above 1,000 pages a second are critical while a model generates', async () => {
    expect(await stallAfter(6_000, true)).toBe(0)
    expect(await stallAfter(6_001, true)).toBe(0.9)
  })

  test('do not count while nothing generates: a load reads its file again by design', async () => {
    expect(await stallAfter(1_000_000, false)).toBe(0)
  })

  test('do not count when the counter goes back', async () => {
    expect(await stallAfter(0, true)).toBe(0)
  })

  test('of a load are not charged to the generation after it', async () => {
    await using machine = await Machine.make({
      'proc/pressure/memory': systemText('pressure-memory.txt'),
      'proc/vmstat': vmstat(0),
    })
    await machine.read()
    await machine.clock.advanceTo(1_001_000)
    await machine.write('proc/vmstat', vmstat(500_000))
    await machine.read()
    machine.isGenerating = true
    await machine.clock.advanceTo(1_002_000)
    expect((await machine.read()).pressureSources[1]?.ratio).toBe(0)
  })

  test('cannot be told by the first reading, nor by two at the same time', async () => {
    await using machine = await Machine.make({
      'proc/pressure/memory': systemText('pressure-memory.txt'),
      'proc/vmstat': vmstat(1_000_000),
    })
    machine.isGenerating = true
    expect((await machine.read()).pressureSources[1]?.ratio).toBe(0)
    await machine.write('proc/vmstat', vmstat(2_000_000))
    expect((await machine.read()).pressureSources[1]?.ratio).toBe(0)
  })

  test('inside a limit are the group’s own, not the host’s', async () => {
    await using machine = await Machine.v1({
      'proc/pressure/memory': systemText('pressure-memory.txt'),
      'proc/vmstat': vmstat(0),
      [`${GROUP_V1}/memory.limit_in_bytes`]: `${2_000 * MB}\n`,
      [`${GROUP_V1}/memory.stat`]: statV1(1, 1, 0),
    })
    machine.isGenerating = true
    await machine.read()
    await machine.clock.advanceTo(1_002_000)
    await machine.write('proc/vmstat', vmstat(1_000_000))
    await machine.write(`${GROUP_V1}/memory.stat`, statV1(1, 1, 3_000))
    expect((await machine.read()).pressureSources[1]).toMatchObject({
      ratio: 0.9,
      note: 'some 0 %, full 0 %, 1500 refaults/s',
    })
  })
})

test('this very machine is read, and its figures fit together', async () => {
  const meter = new LinuxMemoryMeter({ clock: new SystemClock(), isGenerating: () => false })
  const { totalBytes, usedBytes, availableBytes, pressureRatio } = await meter.read(0)
  expect(totalBytes).toBeGreaterThan(100 * MB)
  expect(usedBytes + availableBytes).toBe(totalBytes)
  expect(pressureRatio).toBeGreaterThanOrEqual(usedBytes / totalBytes)
  expect(pressureRatio).toBeLessThanOrEqual(1)
})
