import type { Clock, Timer } from '../spec/clock.ts'

/** Longest delay a timer of Node takes; a longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1

/** The machine's clock: the wall clock at process start plus monotonic time since, whole milliseconds. */
export class SystemClock implements Clock {
  nowMs(): number {
    return Math.floor(performance.timeOrigin + performance.now())
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const timer = setTimeout(run, Math.min(MAX_DELAY_MS, Math.max(0, delayMs)))
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  }
}
