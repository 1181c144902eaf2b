import type { Clock } from '../spec/clock.ts'
import type { Publication } from '../core/effect.ts'
import { ERROR_TABLE } from '../spec/error-table.ts'
import { resourceError } from '../spec/errors.ts'
import type { ModelId } from '../spec/model.ts'
import type { Provider } from '../spec/provider.ts'
import type { SavedState, SaveReason, StateCacheKeeper } from '../spec/state-cache.ts'
import { withinTime } from './within-time.ts'

/**
 * The longest that leaving memory waits for states to be saved. Somebody may wait for that memory: 4 GiB go to a disk of
 * 150 MB/s in half a minute, and what is not saved by then is read again from its text.
 */
const SAVE_DEADLINE_MS = 30_000
/** Moving to the cache is asked for its files: slow disks may take their time. */
const CACHE_DEADLINE_MS = 300_000
/** A model that is loaded serves without its states, too. */
const RESTORE_DEADLINE_MS = 30_000

export interface StateSavingOptions {
  readonly clock: Clock
  readonly cache: StateCacheKeeper | undefined
  /** A model's file in the cache was damaged. */
  readonly onCorrupt: (modelId: ModelId) => void
  readonly onFault: (error: unknown) => void
}

/** How a model came back into memory. */
export interface ComeBack {
  /** It had been moved to the cache, and what it has there is there again. */
  readonly fromCache: boolean
}

/** States go to disk before a model leaves memory, and come back with a model that was moved to the cache. */
export class StateSaving {
  readonly #options: StateSavingOptions

  constructor(options: StateSavingOptions) {
    this.#options = options
  }

  /** Never rejects, and has an end. Nothing was saved in time: nothing of it counts. */
  async save(
    provider: Provider,
    modelId: ModelId,
    reason: SaveReason,
    deadlineMs: number = reason === 'cache' ? CACHE_DEADLINE_MS : SAVE_DEADLINE_MS,
  ): Promise<readonly SavedState[]> {
    const { states } = provider
    if (!states || !this.#options.cache) return []
    const words = `The states of ${modelId} were not saved within ${deadlineMs / 1_000} s; what is missing is read again from its text.`
    return (await this.#inTime(() => states.save(modelId, reason), deadlineMs, words)) ?? []
  }

  /** Called once a model is loaded. Never rejects, and has an end. */
  async comeBack(provider: Provider, modelId: ModelId): Promise<ComeBack> {
    const { cache, onCorrupt } = this.#options
    if (!cache) return { fromCache: false }
    const words = `The states of ${modelId} did not come back within ${RESTORE_DEADLINE_MS / 1_000} s; they are read again from their text.`
    const work = async (): Promise<boolean> => {
      const cached = await cache.cachedModel(modelId)
      if (cached === 'corrupt') onCorrupt(modelId)
      if (cached === undefined || typeof cached === 'string') return false
      const { entryIds } = cached
      const restoredTokens = entryIds.length > 0 ? ((await provider.states?.restore(modelId, entryIds)) ?? 0) : 0
      await cache.forgetCachedModel(modelId)
      // Without a state its file says how it was loaded, and its conversations are in their store. States that the engine
      // would not take are no states.
      return entryIds.length === 0 || restoredTokens > 0
    }
    return { fromCache: (await this.#inTime(work, RESTORE_DEADLINE_MS, words)) ?? false }
  }

  async #inTime<Result>(work: () => Promise<Result>, deadlineMs: number, words: string): Promise<Result | undefined> {
    const { clock, onFault } = this.#options
    try {
      return await withinTime(work(), clock, deadlineMs, () => resourceError('cache-operation-failed', words))
    } catch (error) {
      onFault(error)
      return undefined
    }
  }
}

/** A model's file in the cache is damaged: it is loaded as if it had none (requirement R55). */
export function corruptCache(modelId: ModelId): Publication {
  const reason = 'cache-operation-failed'
  const message = `CACHE_OPERATION_FAILED: what ${modelId} has in the cache is damaged and was set aside. It is loaded without, and its conversations are read again from their text.`
  return { type: 'error', data: { code: ERROR_TABLE[reason].code, reason, message, recoverable: false, modelId } }
}
