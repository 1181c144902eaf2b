import type { Clock, Timer } from '../../spec/clock.ts'

/** A signal that is given when time is over, or when somebody gives up before. Has to be ended. */
export class Deadline {
  readonly signal: AbortSignal
  readonly #late = new AbortController()
  readonly #timer: Timer

  constructor(clock: Clock, afterMs: number, givenUp?: AbortSignal) {
    this.signal = givenUp ? AbortSignal.any([givenUp, this.#late.signal]) : this.#late.signal
    this.#timer = clock.setTimer(afterMs, () => this.#late.abort())
  }

  get hasPassed(): boolean {
    return this.#late.signal.aborted
  }

  end(): void {
    this.#timer.cancel()
  }
}
