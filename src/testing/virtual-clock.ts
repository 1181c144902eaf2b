import type { Clock, Timer } from '../spec/clock.ts'

interface VirtualTimer {
  dueAtMs: number
  readonly sequence: number
  readonly run: () => void
}

/**
 * A clock that only moves when told. Timers due at the same time run in the order in which they were set.
 * `sleep` is a suspended machine: time jumps, and what was due waits for just as long as before.
 */
export class VirtualClock implements Clock {
  #nowMs: number
  #lastSequence = 0
  readonly #timers = new Set<VirtualTimer>()

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const timer = { dueAtMs: this.#nowMs + Math.max(0, delayMs), sequence: ++this.#lastSequence, run }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  /** Moves to the next timer due at or before `untilMs` and runs it; false when there is none. */
  runNext(untilMs: number): boolean {
    let next: VirtualTimer | undefined
    for (const timer of this.#timers) {
      if (!next || timer.dueAtMs < next.dueAtMs || (timer.dueAtMs === next.dueAtMs && timer.sequence < next.sequence)) {
        next = timer
      }
    }
    if (!next || next.dueAtMs > untilMs) return false
    this.#timers.delete(next)
    this.#nowMs = Math.max(this.#nowMs, next.dueAtMs)
    next.run()
    return true
  }

  /** Runs everything due until then, letting promises settle after each timer, and stops the clock there. */
  async advanceTo(untilMs: number): Promise<void> {
    await settlePromises()
    while (this.runNext(untilMs)) await settlePromises()
    this.#nowMs = Math.max(this.#nowMs, untilMs)
  }

  /** The machine is suspended for `gapMs`. */
  sleep(gapMs: number): void {
    this.#nowMs += gapMs
    for (const timer of this.#timers) timer.dueAtMs += gapMs
  }
}

/** Lets every promise that can settle now do so: promise jobs all run before the next turn of the event loop. */
export function settlePromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
