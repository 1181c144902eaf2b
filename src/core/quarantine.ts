import { keepNewest } from '../spec/keep-newest.ts'
import type { QuarantineSettings } from '../spec/settings.ts'

/** Request hashes that are refused, each with the time until which. Insertion order is age. */
export type Quarantine = Map<string, number>

/** Refuses this hash for `durationMs`; beyond `maxHashes` the oldest is forgotten. */
export function quarantine(list: Quarantine, requestHash: string, nowMs: number, settings: QuarantineSettings): void {
  list.delete(requestHash)
  list.set(requestHash, nowMs + settings.durationMs)
  keepNewest(list, settings.maxHashes)
}

/** Until when the hash is refused; `undefined` when it is not. */
export function quarantinedUntilMs(list: Quarantine, requestHash: string, nowMs: number): number | undefined {
  const untilMs = list.get(requestHash)
  if (untilMs === undefined || untilMs > nowMs) return untilMs
  list.delete(requestHash)
  return undefined
}
