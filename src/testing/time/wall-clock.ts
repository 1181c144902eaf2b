import type { Clock, Timer } from '../../spec/clock.ts'

/** Longest delay a timer of Node takes. */
const MAX_DELAY_MS = 2 ** 31 - 1

/** Real time, for a fake that runs as a program. */
export class WallClock implements Clock {
  nowMs(): number {
    return Math.floor(performance.timeOrigin + performance.now())
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const timer = setTimeout(run, Math.min(MAX_DELAY_MS, Math.max(0, delayMs)))
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  }
}
