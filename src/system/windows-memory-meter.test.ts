import { expect, test } from 'vitest'
import { systemText } from '../../test/support/system-ground.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { parseCommit, WindowsMemoryMeter } from './windows-memory-meter.ts'

const KIB = 1_024

test('recorded figures of Windows 10', () => {
  const figures = { limitBytes: 33_449_088 * KIB, freeBytes: 18_393_668 * KIB }
  expect(parseCommit(systemText('win32-operating-system.txt'))).toEqual(figures)
  expect(parseCommit(systemText('win32-operating-system.txt').replaceAll('\n', '\r\n'))).toEqual(figures)
})

test.each([
  ['nothing', ''],
  ['an error', 'Get-CimInstance : Access denied'],
  ['a half', 'TotalVirtualMemorySize : 33449088'],
  ['no number', 'TotalVirtualMemorySize : x\nFreeVirtualMemory : y'],
])('%s is not it', (_, text) => {
  expect(parseCommit(text)).toBeUndefined()
})

const GB = 1_000_000_000
const physical = (): { totalBytes: number; freeBytes: number } => ({ totalBytes: 16 * GB, freeBytes: 6 * GB })

async function readTwice(commitFreeBytes: number | undefined) {
  const commit = commitFreeBytes === undefined ? undefined : { limitBytes: 20 * GB, freeBytes: commitFreeBytes }
  const meter = new WindowsMemoryMeter(new VirtualClock(3), async () => commit, physical)
  const first = await meter.read(5 * GB)
  await new Promise((resolve) => setImmediate(resolve))
  return { first, second: await meter.read(5 * GB) }
}

test('the first reading waits for no PowerShell; weights are in the working sets already', async () => {
  const { first } = await readTwice(1 * GB)
  const pressureSources = [{ name: 'ram', ratio: 0.625, note: 'host: 10.0 GB of 16.0 GB in use' }]
  const bytes = { totalBytes: 16 * GB, usedBytes: 10 * GB, availableBytes: 6 * GB }
  expect(first).toEqual({ atMs: 3, ...bytes, pressureRatio: 0.625, pressureSources, gpus: [] })
})

test('what may still be committed bounds what is available, and the note says so', async () => {
  const { second } = await readTwice(2 * GB)
  expect(second).toMatchObject({ availableBytes: 2 * GB, usedBytes: 14 * GB, pressureRatio: 0.875 })
  expect(second.pressureSources[0]?.note).toContain('2.0 GB of the commit limit of 20.0 GB are left')
})

test.each([7 * GB, undefined])('a commit limit of %s more than the RAM has changes nothing', async (freeBytes) => {
  const { first, second } = await readTwice(freeBytes)
  expect(second).toEqual(first)
})
