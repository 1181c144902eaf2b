import type { RetrySettings } from '../spec/settings.ts'

/**
 * Delay before the next attempt: `min(firstDelayMs · factor^failedAttempts, maxDelayMs)`, the back-off of requirement
 * R10 (there: 1000 · 1.5^attempt, at most 30 s).
 *
 * @param failedAttempts attempts that failed before the one that just failed, ≥ 0.
 */
export function retryDelayMs(failedAttempts: number, settings: RetrySettings): number {
  return Math.min(settings.firstDelayMs * settings.factor ** failedAttempts, settings.maxDelayMs)
}
