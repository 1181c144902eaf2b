import { join } from 'node:path'
import type { Clock } from '../spec/clock.ts'
import type { MemoryMeter, MemoryReading, PressureSource } from '../spec/memory.ts'
import { formatBytes } from '../spec/units.ts'
import { parseFlatKeyed } from './flat-keyed.ts'
import { groupMemory, refaultedFilePages } from './group-memory.ts'
import { readKernelFile } from './optional-file.ts'
import { parseMeminfo } from './meminfo.ts'
import { findMemoryGroup, type MemoryGroup } from './memory-group.ts'
import { parsePsi } from './psi.ts'
import { DEFAULT_STALL_THRESHOLDS, stallRatio, type StallThresholds } from './stall-level.ts'

export interface LinuxMemoryMeterOptions {
  readonly clock: Clock
  /** Refaults count as stalls only while a model generates. */
  readonly isGenerating: () => boolean
  readonly thresholds?: StallThresholds
  /** Where `/proc` and `/sys` are: `/` but in tests. */
  readonly root?: string
}

interface Limited {
  readonly limitBytes: number
  readonly usedBytes: number
  readonly refaultedPages: number
  readonly name: string
}

/** Reads memory and pressure of a Linux machine as SPEC §1 defines them. About five small files a reading. */
export class LinuxMemoryMeter implements MemoryMeter {
  readonly #options: LinuxMemoryMeterOptions
  readonly #root: string
  /** `null` = looked for, and there is none. */
  #group: MemoryGroup | null | undefined
  #lastRefaults: { readonly atMs: number; readonly pages: number } | undefined

  constructor(options: LinuxMemoryMeterOptions) {
    this.#options = options
    this.#root = options.root ?? '/'
  }

  async read(heldFileBytes: number): Promise<MemoryReading> {
    const atMs = this.#options.clock.nowMs()
    const meminfo = parseMeminfo(this.#readMeminfo())
    const hostTotalBytes = meminfo.get('MemTotal') ?? 0
    const hostUsedBytes = hostTotalBytes - (meminfo.get('MemAvailable') ?? 0) + heldFileBytes
    const limited = this.#readLimit(heldFileBytes, hostTotalBytes)
    const totalBytes = limited?.limitBytes ?? hostTotalBytes
    // Inside a limit the host may still be the one that runs short: what is available is the smaller of both.
    const availableBytes = Math.max(
      0,
      Math.min(hostTotalBytes - hostUsedBytes, limited ? limited.limitBytes - limited.usedBytes : Infinity),
    )
    const usedBytes = totalBytes - availableBytes
    const ram: PressureSource = {
      name: 'ram',
      ratio: totalBytes > 0 ? Math.min(1, usedBytes / totalBytes) : 0,
      note: `${limited?.name ?? 'host'}: ${formatBytes(usedBytes)} of ${formatBytes(totalBytes)} in use`,
    }
    const stall = this.#readStall(limited, atMs)
    const pressureSources = stall ? [ram, stall] : [ram]
    const pressureRatio = Math.max(...pressureSources.map((source) => source.ratio))
    return { atMs, totalBytes, usedBytes, availableBytes, pressureRatio, pressureSources, gpus: [] }
  }

  /** The group on the path with the smallest limit below the host's memory; `undefined` when nothing limits. */
  #readLimit(heldFileBytes: number, hostTotalBytes: number): Limited | undefined {
    const group = this.#findGroup()
    if (!group) return undefined
    const file = group.version === 1 ? 'memory.limit_in_bytes' : 'memory.max'
    let limitBytes = hostTotalBytes
    let limiting: string | undefined
    for (const folder of group.folders) {
      const bytes = Number(readKernelFile(join(this.#root, folder, file))?.trim())
      // An empty file reads as 0, which is no limit that a running process could have.
      if (bytes > 0 && bytes < limitBytes) [limitBytes, limiting] = [bytes, folder]
    }
    if (limiting === undefined) return undefined
    const stat = parseFlatKeyed(readKernelFile(join(this.#root, limiting, 'memory.stat')) ?? '')
    const { unreclaimableBytes, mappedFileBytes } = groupMemory(stat, group.version)
    return {
      limitBytes,
      // Weights that another group read first are charged there; this one needs them all the same.
      usedBytes: unreclaimableBytes + Math.max(mappedFileBytes, heldFileBytes),
      refaultedPages: refaultedFilePages(stat),
      name: `cgroup v${group.version} limit`,
    }
  }

  #readStall(limited: Limited | undefined, atMs: number): PressureSource | undefined {
    const psi = readKernelFile(join(this.#root, 'proc/pressure/memory'))
    if (psi === undefined) return undefined
    const pages = limited?.refaultedPages ?? this.#hostRefaults()
    const last = this.#lastRefaults
    this.#lastRefaults = { atMs, pages }
    const elapsedSeconds = last ? (atMs - last.atMs) / 1_000 : 0
    const isCounting = this.#options.isGenerating() && last !== undefined && elapsedSeconds > 0
    const refaultsPerSecond = isCounting ? Math.max(0, pages - last.pages) / elapsedSeconds : 0
    const stall = parsePsi(psi)
    return {
      name: 'stall',
      ratio: stallRatio(stall, refaultsPerSecond, this.#options.thresholds ?? DEFAULT_STALL_THRESHOLDS),
      note: `some ${stall.some} %, full ${stall.full} %, ${Math.round(refaultsPerSecond)} refaults/s`,
    }
  }

  #hostRefaults(): number {
    return refaultedFilePages(parseFlatKeyed(readKernelFile(join(this.#root, 'proc/vmstat')) ?? ''))
  }

  #readMeminfo(): string {
    const text = readKernelFile(join(this.#root, 'proc/meminfo'))
    if (text === undefined) throw new Error('/proc/meminfo cannot be read.')
    return text
  }

  /** Found once: a process does not change its group by itself. */
  #findGroup(): MemoryGroup | null {
    if (this.#group === undefined) this.#group = readMemoryGroup(this.#root) ?? null
    return this.#group
  }
}

/** The memory group of this process; `undefined` where there is none. */
export function readMemoryGroup(root: string): MemoryGroup | undefined {
  const cgroup = readKernelFile(join(root, 'proc/self/cgroup'))
  const mountinfo = readKernelFile(join(root, 'proc/self/mountinfo'))
  return cgroup === undefined || mountinfo === undefined ? undefined : findMemoryGroup(cgroup, mountinfo)
}
