import { freemem, totalmem } from 'node:os'
import type { Clock } from '../spec/clock.ts'
import type { MemoryMeter, MemoryReading } from '../spec/memory.ts'
import { formatBytes } from '../spec/units.ts'

/**
 * Where no better source is known (BSD and others): Node's own figures. "Free" leaves out memory that the system
 * would give back, so the pressure is on the high side; the note says so.
 */
export class PortableMemoryMeter implements MemoryMeter {
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async read(_heldFileBytes: number): Promise<MemoryReading> {
    const totalBytes = totalmem()
    const availableBytes = Math.min(totalBytes, freemem())
    const usedBytes = totalBytes - availableBytes
    const ratio = totalBytes > 0 ? usedBytes / totalBytes : 0
    const note = `host (estimated): ${formatBytes(usedBytes)} of ${formatBytes(totalBytes)} in use, caches included`
    const pressureSources = [{ name: 'ram' as const, ratio, note }]
    const bytes = { totalBytes, usedBytes, availableBytes }
    return { atMs: this.#clock.nowMs(), ...bytes, pressureRatio: ratio, pressureSources, gpus: [] }
  }
}
