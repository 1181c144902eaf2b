import type { ByteSource } from './memory.ts'
import type { ModelId } from './model.ts'
import type { CacheEntry, CachePriority, CacheReport, VerifyReport } from './state-cache.ts'

/** How a model is to be kept in the cache on disk. */
export interface CacheWish {
  /** How long it may come back from there; default as configured, `null` = no end. */
  readonly ttlMs?: number | null
  /** Of low priority leave the cache first. Default `normal`. */
  readonly priority?: CachePriority
}

/** What a model took before and after it was moved, measured both times: its engine with all models that share its weights. */
export interface CacheSizes {
  readonly beforeBytes: number
  readonly afterBytes: number
  /** Never below 0. */
  readonly savedBytes: number
  /** Where {@link beforeBytes} is from. */
  readonly sizeSource: ByteSource
}

/** Result of moving a model to the cache on disk. */
export interface CacheReceipt extends CacheSizes {
  readonly modelId: ModelId
  /** The file that stands for it. */
  readonly cachePath: string
  /** False: it was not in memory, so nothing was freed. */
  readonly wasLoaded: boolean
  /** States of conversations that were saved just now, and the tokens in them. */
  readonly states: number
  readonly tokens: number
  /** For a person, where something is not as usual: an engine that cannot save states, a model that was not loaded. */
  readonly note?: string
}

export interface RemovedStates {
  readonly removed: number
  readonly bytes: number
}

/**
 * The cache of KV states on disk, for people: to look at, to check, to empty. Every call rejects with
 * `cache-operation-failed` where it could not be opened, saying why. Real: `app/state-cache.ts`.
 */
export interface CacheArchive {
  /** Last used first. @param modelId absent = all. */
  list(modelId?: ModelId): Promise<{ readonly report: CacheReport; readonly entries: readonly CacheEntry[] }>
  /** Takes away what has expired and what is over the caps. */
  prune(): Promise<RemovedStates>
  /** Reads every file; what is damaged is set aside. */
  verify(): Promise<VerifyReport>
  /** @param modelId absent = all. */
  clear(modelId?: ModelId): Promise<RemovedStates>
}
