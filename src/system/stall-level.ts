import type { StallPercent } from './psi.ts'

/** When waiting for memory counts as pressure (SPEC §1); all configurable. */
export interface StallThresholds {
  /** `some avg10` from which it is a warning, percent. Default 10. */
  readonly warningSomePercent: number
  /** `full avg10` from which it is critical, percent. Default 5. */
  readonly criticalFullPercent: number
  /** File pages read again per second, while a model generates, from which it is critical. Default 1000. */
  readonly criticalRefaultsPerSecond: number
  /** Pressure reported at these levels, 0–1. Defaults 0.7 and 0.9. */
  readonly warningRatio: number
  readonly criticalRatio: number
}

export const DEFAULT_STALL_THRESHOLDS: StallThresholds = {
  warningSomePercent: 10,
  criticalFullPercent: 5,
  criticalRefaultsPerSecond: 1_000,
  warningRatio: 0.7,
  criticalRatio: 0.9,
}

/**
 * Pressure from stalls: a level, not a scale, because a stall percentage says that memory is short but not by how much.
 *
 * @param refaultsPerSecond 0 while nothing generates: a load reads its file again by design.
 */
export function stallRatio(stall: StallPercent, refaultsPerSecond: number, thresholds: StallThresholds): number {
  const { criticalFullPercent, criticalRefaultsPerSecond, warningSomePercent } = thresholds
  if (stall.full >= criticalFullPercent || refaultsPerSecond > criticalRefaultsPerSecond)
    return thresholds.criticalRatio
  return stall.some >= warningSomePercent ? thresholds.warningRatio : 0
}
