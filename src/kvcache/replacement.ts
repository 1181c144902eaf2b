import type { CachePriority } from '../spec/state-cache.ts'

/** What is known of something that could be asked for again. */
export interface Kept {
  /** What it takes of the disk. */
  readonly bytes: number
  /** What it spares when it comes back. */
  readonly tokens: number
  readonly createdAtMs: number
  readonly lastUsedAtMs: number
  /** How often it was asked for again, also while it was not there. */
  readonly returns: number
  readonly priority: CachePriority
}

const PRIORITY_WEIGHT: Readonly<Record<CachePriority, number>> = { low: 0.25, normal: 1, high: 4 }
/** Conversations go on within minutes: up to about this long a pause says little. */
const PAUSE_MS = 300_000

/**
 * What an entry is worth on the disk: tokens saved × chance of return ÷ bytes. What came back before comes back more often, and
 * the longer the pause, the less. Of the forms of that chance that were tried on a trace of real conversations this kept the
 * most (`npm run bench:kv`); none of them looks ahead.
 */
export function worth(kept: Kept, nowMs: number): number {
  const { bytes, tokens, lastUsedAtMs, returns, priority } = kept
  const chance = (PRIORITY_WEIGHT[priority] * (1 + returns)) / (PAUSE_MS + Math.max(0, nowMs - lastUsedAtMs))
  // One without a state says what a model had when it left.
  return (Math.max(1, tokens) * chance) / Math.max(1, bytes)
}

/** The least worthy first, until there is room for so many bytes and so many entries; fewer where that is not possible. */
export function chooseVictims<Item extends Kept>(
  items: Iterable<Item>,
  missing: { readonly bytes: number; readonly entries: number },
  nowMs: number,
): Item[] {
  if (missing.bytes <= 0 && missing.entries <= 0) return []
  const byWorth = [...items].map((item) => ({ item, worth: worth(item, nowMs) })).sort((a, b) => a.worth - b.worth)
  const victims: Item[] = []
  let freedBytes = 0
  for (const { item } of byWorth) {
    if (freedBytes >= missing.bytes && victims.length >= missing.entries) break
    victims.push(item)
    freedBytes += item.bytes
  }
  return victims
}
