import type { ModelId } from './model.ts'
import type { OwnerId } from './owner-id.ts'
import type { RestoreGain, StateOwner } from './restored-state.ts'

/**
 * What a saved KV state hangs on. It is restored only where every part is the same: weights, engine build, sequences of a
 * context, KV type, flash attention, adapters, template. The window is not one of them: states move between windows.
 */
export type StateKey = Readonly<Record<string, string | number | boolean>>

/** Why a state is saved: `rhythm` and `displaced` keep to the write budget, the others are the last chance. */
export type SaveReason = 'rhythm' | 'displaced' | 'unload' | 'cache' | 'shutdown'

export interface StateQuery {
  readonly key: StateKey
  readonly owner: OwnerId
  /** The prompt as the engine will be given it. */
  readonly tokens: Uint32Array
  /** Less than so many tokens in common are of no use: the slot holds as many already, or reading them is as fast. */
  readonly moreThanTokens: number
  /** The engine cannot cut this state (recurrent, sliding): only one that is a beginning of the prompt as a whole will do. */
  readonly mustBeWhole: boolean
}

/** A saved state that was verified and is held open: what the engine reads is what was verified. */
export interface OpenState extends AsyncDisposable {
  readonly entryId: string
  /** Where the engine reads it; valid until it is disposed. */
  readonly path: string
  /** All tokens that it holds. */
  readonly tokens: Uint32Array
  /** Of these, how many the prompt begins with. */
  readonly commonTokens: number
  /** Of the engine's own file. */
  readonly payloadBytes: number
  /** The engine really went on from it. */
  noteRestored(gain: RestoreGain): void
  /** The engine did not take it, or did not use it: it is set aside, never offered again, and its reason is told. */
  reject(reason: string): Promise<void>
}

export interface NewState {
  readonly key: StateKey
  readonly owner: StateOwner
  readonly modelId: ModelId
  /** What is about to be saved takes about so much; for the cap and the budget. */
  readonly expectedBytes: number
  /** So many tokens, of which so many are in no saved state yet. */
  readonly tokens: number
  readonly unsavedTokens: number
  /** Can the engine cut a longer state to a shorter one? Then a longer one takes the place of its own beginnings. */
  readonly canBeCut: boolean
  readonly reason: SaveReason
}

/** A place for a state: the engine writes into {@link path}, then `commit` makes it an entry, or `abandon` leaves nothing. */
export interface StateDraft {
  /** An empty file of mode 0600. */
  readonly path: string
  /** @param tokens what the state holds. Rejects with `cache-operation-failed`; nothing is left then. */
  commit(tokens: Uint32Array): Promise<SavedState>
  abandon(): Promise<void>
}

export interface SavedState {
  readonly entryId: string
  readonly modelId: ModelId
  readonly path: string
  readonly tokens: number
  /** Of the whole file. */
  readonly bytes: number
}

/** Why there is no place: said once, in words for a person. */
export interface NoDraft {
  readonly refused: 'disabled' | 'too-few-tokens' | 'write-budget' | 'too-large' | 'disk'
  readonly message: string
}

/** What a model that was moved to the cache has there. */
export interface CachedModel {
  readonly modelId: ModelId
  readonly cachePath: string
  /** Entries with a state, most recently used first; empty = the model comes back from its transcripts. */
  readonly entryIds: readonly string[]
  readonly cachedAtMs: number
  readonly expiresAtMs: number | null
}

export interface ModelToCache {
  readonly modelId: ModelId
  /** What was saved for it just now; the first one's file is the model's `cachePath`. Empty = a file without a state is written. */
  readonly saved: readonly SavedState[]
  /** Default: as configured. `null` = no end. */
  readonly ttlMs?: number | null
  /** Of low priority leave first. Default `normal`. */
  readonly priority?: CachePriority
  /** What is kept beside the state: how it was loaded, and which conversations are its own. */
  readonly metadata: Readonly<Record<string, unknown>>
}

export type CachePriority = 'low' | 'normal' | 'high'

/** One entry, as it is listed. */
export interface CacheEntry {
  readonly entryId: string
  readonly modelId: ModelId
  readonly path: string
  readonly bytes: number
  readonly tokens: number
  readonly conversationId?: string
  readonly createdAtMs: number
  readonly lastUsedAtMs: number
  readonly expiresAtMs: number | null
  readonly priority: CachePriority
  readonly restores: number
}

/** Since the cache was made, over restarts. */
export interface CacheTotals {
  readonly restores: number
  readonly restoredTokens: number
  /** Estimated, see {@link RestoreGain}. */
  readonly savedMs: number
  readonly savedStates: number
  readonly writtenBytes: number
  readonly rejected: number
}

export interface CacheReport {
  readonly folder: string
  readonly isEnabled: boolean
  readonly entries: number
  readonly bytes: number
  readonly maxBytes: number
  readonly maxEntries: number
  readonly writeBudgetBytesPerHour: number
  readonly writtenLastHourBytes: number
  readonly totals: CacheTotals
}

export interface VerifyReport {
  readonly verified: number
  readonly corrupt: readonly { readonly path: string; readonly reason: string }[]
}

/** What engines ask of the KV cache on disk. */
export interface StateCache {
  /** The saved state that spares this prompt the most; only what was verified. What turns out corrupt is set aside and told. */
  find(query: StateQuery): Promise<OpenState | undefined>
  /** The same by name, to fill a slot before it is asked for. */
  open(entryId: string, key: StateKey): Promise<OpenState | undefined>
  begin(state: NewState): Promise<StateDraft | NoDraft>
  /** Is this entry still there? It may have made way for others, have expired, or been cleared away. */
  has(entryId: string): boolean
}

/** What the manager and the people who look after it ask. */
export interface StateCacheKeeper extends StateCache {
  cacheModel(model: ModelToCache): Promise<CachedModel>
  /**
   * What this model has in the cache since it was moved there. `expired` and `corrupt` are told once, and forgotten.
   */
  cachedModel(modelId: ModelId): Promise<CachedModel | 'expired' | 'corrupt' | undefined>
  /** One that is there already is to be kept for so long from now, and so dearly; what is absent stays as it was. */
  renewCachedModel(modelId: ModelId, wish: Pick<ModelToCache, 'ttlMs' | 'priority'>): Promise<void>
  /** The model is in memory again: it is no longer a cached one; its states stay entries like others. */
  forgetCachedModel(modelId: ModelId): Promise<void>
  /** Deletes what belongs to these conversations, on the disk too. */
  forgetConversations(conversationIds: readonly string[]): Promise<void>
  /** Last used first. */
  list(): readonly CacheEntry[]
  report(): CacheReport
  /** Takes away what has expired and what is over the caps. */
  prune(): Promise<{ readonly removed: number; readonly bytes: number }>
  verify(): Promise<VerifyReport>
  /** @param modelId absent = all. */
  clear(modelId?: ModelId): Promise<{ readonly removed: number; readonly bytes: number }>
  /** Told of what was set aside, and of saves that failed. */
  onFault(listener: (fault: CacheFault) => void): void
  close(): Promise<void>
}

export interface CacheFault {
  readonly modelId?: ModelId
  readonly path?: string
  /** For a person: what is wrong with it. */
  readonly message: string
  readonly isCorrupt: boolean
}

/** What people set for it; see `kvcache` in the configuration. */
export interface StateCacheSettings {
  /** Off: nothing is written and nothing is found. What lies there stays until it is cleared. */
  readonly isEnabled: boolean
  readonly maxBytes: number
  readonly maxEntries: number
  /** Of saves that are not the last chance; 0 = none of those. */
  readonly writeBudgetBytesPerHour: number
  /** Shorter states are not worth a file. */
  readonly minTokens: number
  /** From the last use; `null` = no end. */
  readonly ttlMs: number | null
  /** AES-256-GCM with the key of this state folder. */
  readonly isEncrypted: boolean
  /** `auto` = zstd where a sample of the payload shrinks enough to be worth its time. */
  readonly compression: 'off' | 'auto'
}
