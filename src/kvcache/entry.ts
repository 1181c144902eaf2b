import type { CacheEntry, CachePriority } from '../spec/state-cache.ts'
import type { StateOwner } from '../spec/restored-state.ts'
import type { EntryHeader, Trailer } from './trailer.ts'

/** An entry as the catalog has it in memory. */
export interface Entry {
  /** Name of its file. */
  readonly id: string
  /** Of its trailer: a file of this name with another one is another entry. */
  readonly mac: string
  readonly modelId: string
  readonly keyDigest: string
  readonly owner: StateOwner
  /** See `token-blocks.ts`. */
  readonly blocks: string
  readonly tokens: number
  /** Of the whole file. */
  readonly bytes: number
  readonly createdAtMs: number
  readonly canBeCut: boolean
  priority: CachePriority
  /** From its last use; `null` = as configured. */
  readonly ttlMs: number | null
  lastUsedAtMs: number
  restores: number
  /** How often its conversation was gone on with; see `returns.ts`. */
  returns: number
  /** Identity of the file that was verified since we began; `undefined` = not yet. */
  verifiedIdentity: string | undefined
}

/** What is known of an entry by its trailer, or by who wrote it. */
export interface EntryFacts extends Pick<Trailer, 'tokens' | 'mac' | 'bytes'> {
  readonly header: Omit<EntryHeader, 'tokensHash'>
}

/** @param atMs no time of an entry is later, whatever the clock said when it was written. */
export function entryOf(id: string, { header, tokens, mac, bytes }: EntryFacts, atMs: number): Entry {
  const { modelId, keyDigest, owner, blocks, canBeCut, priority, ttlMs } = header
  const createdAtMs = Math.min(header.createdAtMs, atMs)
  return {
    ...{ id, mac, modelId, keyDigest, owner, blocks, tokens, bytes, createdAtMs, canBeCut, priority, ttlMs },
    lastUsedAtMs: createdAtMs,
    restores: 0,
    returns: 0,
    verifiedIdentity: undefined,
  }
}

/** `null` = never. */
export function expiresAtMs({ lastUsedAtMs, ttlMs }: Entry, configuredTtlMs: number | null): number | null {
  const liveMs = ttlMs ?? configuredTtlMs
  return liveMs === null ? null : lastUsedAtMs + liveMs
}

export function listed(entry: Entry, path: string, configuredTtlMs: number | null): CacheEntry {
  const { id, modelId, bytes, tokens, owner, createdAtMs, lastUsedAtMs, priority, restores } = entry
  const { conversationId } = owner
  return {
    ...{ entryId: id, modelId, path, bytes, tokens, createdAtMs, lastUsedAtMs, priority, restores },
    ...(conversationId !== undefined && { conversationId }),
    expiresAtMs: expiresAtMs(entry, configuredTtlMs),
  }
}
