import type { Clock, Timer } from '../spec/clock.ts'
import type { MemoryMeter, MemoryReading } from '../spec/memory.ts'

export interface MemorySamplerOptions {
  readonly clock: Clock
  readonly meter: MemoryMeter
  readonly intervalMs: () => number
  readonly heldFileBytes: () => number
  readonly onReading: (memory: MemoryReading) => void
  /** A reading failed: the last one stays in force. */
  readonly onError: (error: unknown) => void
}

/** Reads the machine's memory at an interval, and whenever asked. */
export class MemorySampler {
  readonly #options: MemorySamplerOptions
  #last: MemoryReading
  #peakUsedBytes: number
  #timer: Timer | undefined
  #isStopped = false

  constructor(options: MemorySamplerOptions, first: MemoryReading) {
    this.#options = options
    this.#last = first
    this.#peakUsedBytes = first.usedBytes
    this.#arm()
  }

  /** The most that any reading found in use. */
  get peakUsedBytes(): number {
    return this.#peakUsedBytes
  }

  /** A reading of now, GPUs included, or the last one when the machine cannot be read just now. */
  read(addedFileBytes = 0): Promise<MemoryReading> {
    return this.#read(addedFileBytes, true)
  }

  async #read(addedFileBytes: number, isFresh: boolean): Promise<MemoryReading> {
    const { meter, heldFileBytes, onError } = this.#options
    try {
      this.#last = await meter.read(heldFileBytes() + addedFileBytes, { isFresh })
      this.#peakUsedBytes = Math.max(this.#peakUsedBytes, this.#last.usedBytes)
    } catch (error) {
      onError(error)
    }
    return this.#last
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  #arm(): void {
    if (this.#isStopped) return
    this.#timer = this.#options.clock.setTimer(this.#options.intervalMs(), () => void this.#sample())
  }

  async #sample(): Promise<void> {
    this.#arm()
    const memory = await this.#read(0, false)
    if (!this.#isStopped) this.#options.onReading(memory)
  }
}
