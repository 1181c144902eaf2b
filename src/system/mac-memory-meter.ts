import { totalmem } from 'node:os'
import type { Clock } from '../spec/clock.ts'
import type { MemoryMeter, MemoryReading, PressureSource } from '../spec/memory.ts'
import { formatBytes } from '../spec/units.ts'
import { PacedReading } from './paced-reading.ts'
import { runTool } from './run-tool.ts'
import { DEFAULT_STALL_THRESHOLDS } from './stall-level.ts'
import { parseVmStat, vmUsedBytes } from './vm-stat.ts'

export interface MacFigures {
  /** Output of `vm_stat`. */
  readonly vmStat: string
  /** Output of `sysctl -n kern.memorystatus_vm_pressure_level`. */
  readonly pressureLevel: string
  readonly totalBytes: number
}

/** Reads a Mac's memory. Parsed on recorded output of `vm_stat`; not run on such a machine yet. */
export class MacMemoryMeter implements MemoryMeter {
  readonly #clock: Clock
  readonly #figures: PacedReading<MacFigures>

  constructor(clock: Clock, read: () => Promise<MacFigures> = readFigures) {
    this.#clock = clock
    this.#figures = new PacedReading({ clock, read })
  }

  async read(heldFileBytes: number, { isFresh = false }: { readonly isFresh?: boolean } = {}): Promise<MemoryReading> {
    const figures = await (isFresh ? this.#figures.fresh() : this.#figures.known())
    return macReading(figures, heldFileBytes, this.#clock.nowMs())
  }
}

/** Mapped weights are file-backed, which macOS could drop; a loaded model needs them all the same. */
export function macReading(figures: MacFigures, heldFileBytes: number, atMs: number): MemoryReading {
  const { totalBytes } = figures
  const stat = parseVmStat(figures.vmStat)
  if (!stat) throw new Error('`vm_stat` did not print the figures of the memory.')
  const usedBytes = Math.min(totalBytes, vmUsedBytes(stat) + heldFileBytes)
  const ratio = totalBytes > 0 ? usedBytes / totalBytes : 0
  const note = `host: ${formatBytes(usedBytes)} of ${formatBytes(totalBytes)} in use`
  const stall = stallOf(figures.pressureLevel)
  const pressureSources: readonly PressureSource[] = [{ name: 'ram', ratio, note }, ...stall]
  const pressureRatio = Math.max(...pressureSources.map((source) => source.ratio))
  const bytes = { totalBytes, usedBytes, availableBytes: totalBytes - usedBytes }
  return { atMs, ...bytes, pressureRatio, pressureSources, gpus: [] }
}

/**
 * The system's own judgement, which is the colour of Activity Monitor's graph: 1 normal, 2 warning, 4 critical
 * (libdispatch, `DISPATCH_MEMORYPRESSURE_NORMAL` and those after it). `memory_pressure -Q` prints a percentage of the same
 * judgement, which is not one of bytes (recorded: 87 % "free" where Activity Monitor's sum is 67 % of the memory).
 */
function stallOf(level: string): readonly PressureSource[] {
  const { warningRatio, criticalRatio } = DEFAULT_STALL_THRESHOLDS
  const known = new Map([
    ['1', { ratio: 0, word: 'normal' }],
    ['2', { ratio: warningRatio, word: 'warning' }],
    ['4', { ratio: criticalRatio, word: 'critical' }],
  ])
  const found = known.get(level.trim())
  return found ? [{ name: 'stall', ratio: found.ratio, note: `macOS calls its memory pressure ${found.word}` }] : []
}

async function readFigures(): Promise<MacFigures> {
  const [vmStat, level] = await Promise.all([
    runTool('/usr/bin/vm_stat', []),
    runTool('/usr/sbin/sysctl', ['-n', 'kern.memorystatus_vm_pressure_level']),
  ])
  if (vmStat.state !== 'done') throw new Error(vmStat.state === 'failed' ? vmStat.why : 'There is no `vm_stat`.')
  return { vmStat: vmStat.text, pressureLevel: level.state === 'done' ? level.text : '', totalBytes: totalmem() }
}
