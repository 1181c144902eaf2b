import type { Clock, Timer } from '../../spec/clock.ts'

export interface SilenceWatchOptions {
  readonly clock: Clock
  /** How long nothing may come, ms. */
  readonly mostSilentMs: number
  /** Asked after such a silence; absent = nobody can be asked, and silence is enough. */
  readonly isAlive?: (() => Promise<boolean>) | undefined
  /** Called once, when it is silent for too long and does not live. */
  readonly onDead: () => void
}

/** Notices when an engine says nothing any more. Time is counted by the clock, which a machine that sleeps stops. */
export class SilenceWatch {
  readonly #options: SilenceWatchOptions
  #lastSignAtMs: number
  #timer: Timer | undefined
  #isOver = false

  constructor(options: SilenceWatchOptions) {
    this.#options = options
    this.#lastSignAtMs = options.clock.nowMs()
    this.#wait(options.mostSilentMs)
  }

  /** Something came. Costs nothing: the timer looks at the time when it is due. */
  touch(): void {
    this.#lastSignAtMs = this.#options.clock.nowMs()
  }

  stop(): void {
    this.#isOver = true
    this.#timer?.cancel()
  }

  #wait(delayMs: number): void {
    if (!this.#isOver) this.#timer = this.#options.clock.setTimer(delayMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    const { clock, mostSilentMs, isAlive, onDead } = this.#options
    const silentMs = clock.nowMs() - this.#lastSignAtMs
    if (silentMs < mostSilentMs) return this.#wait(mostSilentMs - silentMs)
    const signAtMs = this.#lastSignAtMs
    const lives = isAlive !== undefined && (await isAlive())
    if (this.#isOver) return
    if (lives || this.#lastSignAtMs !== signAtMs) return this.#wait(mostSilentMs)
    this.stop()
    onDead()
  }
}
