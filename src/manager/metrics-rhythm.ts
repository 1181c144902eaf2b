import type { MemoryReading } from '../spec/memory.ts'

/** When readings of memory are told: after every change of a model, else at intervals. */
export class MetricsRhythm {
  readonly #publish: (memory: MemoryReading) => void
  /** Time of the reading that was told last. */
  #toldAtMs = -Infinity

  constructor(publish: (memory: MemoryReading) => void) {
    this.#publish = publish
  }

  tell(memory: MemoryReading): void {
    this.#toldAtMs = memory.atMs
    this.#publish(memory)
  }

  /** Unless one was told less than `intervalMs` before. */
  tellInTime(memory: MemoryReading, intervalMs: number): void {
    if (memory.atMs - this.#toldAtMs >= intervalMs) this.tell(memory)
  }
}
