import type { Clock, Timer } from '../../spec/clock.ts'

/** Looks again and again while there is something to look after; one look at a time. */
export class RunnerWatch {
  readonly #clock: Clock
  readonly #intervalMs: () => number
  readonly #look: () => Promise<void>
  #timer: Timer | undefined
  #isRunning = false

  constructor(clock: Clock, intervalMs: () => number, look: () => Promise<void>) {
    this.#clock = clock
    this.#intervalMs = intervalMs
    this.#look = look
  }

  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#plan()
  }

  stop(): void {
    this.#isRunning = false
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #plan(): void {
    const timer = this.#clock.setTimer(this.#intervalMs(), () => {
      void this.#look().finally(() => {
        if (this.#isRunning && this.#timer === timer) this.#plan()
      })
    })
    this.#timer = timer
  }
}
