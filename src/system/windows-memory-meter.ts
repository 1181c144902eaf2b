import { freemem, totalmem } from 'node:os'
import type { Clock } from '../spec/clock.ts'
import type { MemoryMeter, MemoryReading } from '../spec/memory.ts'
import { formatBytes } from '../spec/units.ts'
import { PacedReading } from './paced-reading.ts'
import { runTool } from './run-tool.ts'

/** Windows gives out no memory beyond what RAM and paging files can hold, used or not. */
export interface CommitFigures {
  readonly limitBytes: number
  readonly freeBytes: number
}

export interface PhysicalFigures {
  readonly totalBytes: number
  readonly freeBytes: number
}

/** PowerShell takes a second to start, and longer on a busy machine, ms. Nobody waits for it. */
const DEADLINE_MS = 10_000
const BYTES_PER_KIB = 1_024
const PROPERTIES = 'TotalVirtualMemorySize,FreeVirtualMemory'

/**
 * Reads Windows' memory. Node's `freemem` is `ullAvailPhys` of `GlobalMemoryStatusEx`: free and standby pages, thus what
 * can be had at once. What may still be committed comes from CIM, in the background at the pace its cost allows, about
 * once a minute; `typeperf` tells the same only by names of counters in the system's language.
 *
 * Mapped weights are not added: pages in a process's working set are not "available" there. Parsed on recorded output;
 * not run on such a machine yet.
 */
export class WindowsMemoryMeter implements MemoryMeter {
  readonly #clock: Clock
  readonly #commit: PacedReading<CommitFigures | undefined>
  readonly #physical: () => PhysicalFigures

  constructor(
    clock: Clock,
    readCommit: () => Promise<CommitFigures | undefined> = readFigures,
    physical: () => PhysicalFigures = nodeFigures,
  ) {
    this.#clock = clock
    this.#commit = new PacedReading({ clock, read: readCommit })
    this.#physical = physical
  }

  async read(_heldFileBytes: number): Promise<MemoryReading> {
    const { totalBytes, freeBytes } = this.#physical()
    const commit = this.#commit.latest()
    const availableBytes = Math.max(0, Math.min(totalBytes, freeBytes, commit?.freeBytes ?? Infinity))
    const usedBytes = totalBytes - availableBytes
    const ratio = totalBytes > 0 ? usedBytes / totalBytes : 0
    const bound = commit && commit.freeBytes < freeBytes ? `, for ${commitText(commit)}` : ''
    const note = `host: ${formatBytes(usedBytes)} of ${formatBytes(totalBytes)} in use${bound}`
    const pressureSources = [{ name: 'ram' as const, ratio, note }]
    const bytes = { totalBytes, usedBytes, availableBytes }
    return { atMs: this.#clock.nowMs(), ...bytes, pressureRatio: ratio, pressureSources, gpus: [] }
  }
}

function commitText({ limitBytes, freeBytes }: CommitFigures): string {
  return `only ${formatBytes(freeBytes)} of the commit limit of ${formatBytes(limitBytes)} are left`
}

/** Reads `Get-CimInstance Win32_OperatingSystem | Format-List …`, whose sizes are in KiB; `undefined` when it is not that. */
export function parseCommit(text: string): CommitFigures | undefined {
  const read = (name: string): number => {
    const match = new RegExp(`^${name}\\s*:\\s*(\\d+)\\s*$`, 'm').exec(text)
    return match ? Number(match[1]) * BYTES_PER_KIB : NaN
  }
  const limitBytes = read('TotalVirtualMemorySize')
  const freeBytes = read('FreeVirtualMemory')
  return limitBytes > 0 && freeBytes >= 0 ? { limitBytes, freeBytes } : undefined
}

function nodeFigures(): PhysicalFigures {
  return { totalBytes: totalmem(), freeBytes: freemem() }
}

async function readFigures(): Promise<CommitFigures | undefined> {
  const script = `Get-CimInstance -ClassName Win32_OperatingSystem -Property ${PROPERTIES} | Format-List ${PROPERTIES}`
  const run = await runTool('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', script], DEADLINE_MS)
  return run.state === 'done' ? parseCommit(run.text) : undefined
}
