import type { Clock, Timer } from '../spec/clock.ts'

/** How often it is looked whether there is something to give back. */
const LOOK_MS = 2_000
/** So long nobody has asked for anything: a pause of a tenth of a second hurts nobody then. */
const QUIET_MS = 3_000
/** Less is not worth the pause. */
export const WORTH_BYTES = 12_000_000

export interface IdleHeapOptions {
  readonly clock: Clock
  /** Is an answer on its way? */
  readonly isBusy: () => boolean
  readonly heapBytes: () => number
  /** Gives free pages back; takes a moment in which nothing else runs. */
  readonly trim: () => void
}

/**
 * The daemon's own part in giving memory back: what its start or a busy hour left in the heap goes back to the system once
 * nobody has asked for anything for a while, and not again before the heap has grown.
 */
export class IdleHeap {
  readonly #options: IdleHeapOptions
  #lastUsedAtMs: number
  /** What the heap took after it was trimmed; before the first time nothing is known of what it needs. */
  #neededBytes = 0
  #timer: Timer | undefined

  constructor(options: IdleHeapOptions) {
    this.#options = options
    this.#lastUsedAtMs = options.clock.nowMs()
    this.#lookLater()
  }

  /** Somebody asked for something. */
  noteUse(): void {
    this.#lastUsedAtMs = this.#options.clock.nowMs()
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #lookLater(): void {
    this.#timer = this.#options.clock.setTimer(LOOK_MS, () => {
      this.#look()
      this.#lookLater()
    })
  }

  #look(): void {
    const { clock, isBusy, heapBytes, trim } = this.#options
    if (isBusy()) this.noteUse()
    if (clock.nowMs() - this.#lastUsedAtMs < QUIET_MS || heapBytes() - this.#neededBytes < WORTH_BYTES) return
    trim()
    this.#neededBytes = heapBytes()
  }
}
