/** A cancellable timer. */
export interface Timer {
  cancel(): void
}

/**
 * Time, handed in. The real one is `system/system-clock.ts`; tests use `testing/virtual-clock.ts`.
 */
export interface Clock {
  /**
   * Milliseconds since the Unix epoch at process start plus monotonic time since: never goes back, and a
   * correction of the wall clock does not move it.
   */
  nowMs(): number
  /** Calls `run` once after `delayMs` (≥ 0, capped at 2^31−1). Real timers are unref'd. */
  setTimer(delayMs: number, run: () => void): Timer
}
