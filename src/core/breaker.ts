import type { BreakerSettings } from '../spec/settings.ts'

/**
 * Circuit breaker of one model's loads (R11). Closed: loads are tried. Open: they are refused until `openUntilMs`.
 * After that one attempt is let through (half open); its outcome closes or opens it again.
 */
export interface Breaker {
  readonly failuresInARow: number
  /** 0 = closed. */
  readonly openUntilMs: number
}

export const CLOSED_BREAKER: Breaker = { failuresInARow: 0, openUntilMs: 0 }

export function isOpen(breaker: Breaker, nowMs: number): boolean {
  return breaker.openUntilMs > nowMs
}

/** Counts a failed attempt; at the threshold it opens, and every failure after that opens it again. */
export function afterFailure(breaker: Breaker, nowMs: number, settings: BreakerSettings): Breaker {
  const failuresInARow = breaker.failuresInARow + 1
  return { failuresInARow, openUntilMs: failuresInARow >= settings.failureThreshold ? nowMs + settings.openMs : 0 }
}
