import { basename } from 'node:path'
import type { Clock } from '../spec/clock.ts'
import type { ModelId } from '../spec/model.ts'
import type { CachedModel, ModelToCache, SavedState } from '../spec/state-cache.ts'
import type { CacheNotes } from './cache-notes.ts'
import type { Shelf } from './shelf.ts'

export interface CachedModelsOptions {
  readonly clock: Clock
  readonly shelf: Shelf
  readonly notes: CacheNotes
  readonly saveWithoutState: (model: ModelToCache) => Promise<SavedState>
}

/** Models that were moved to the cache, and which of the entries are theirs. Each has a file, with a state or without one. */
export class CachedModels {
  readonly #options: CachedModelsOptions

  constructor(options: CachedModelsOptions) {
    this.#options = options
  }

  async add(model: ModelToCache): Promise<CachedModel> {
    const { modelId, saved, ttlMs = null, priority = 'normal' } = model
    const { clock, shelf, notes, saveWithoutState } = this.#options
    const [first = await saveWithoutState(model)] = saved
    const nowMs = clock.nowMs()
    const cached: CachedModel = {
      modelId,
      cachePath: first.path,
      entryIds: saved.map(({ entryId }) => entryId),
      cachedAtMs: nowMs,
      expiresAtMs: endOf(nowMs, ttlMs),
    }
    await this.forget(modelId)
    for (const id of cached.entryIds) shelf.catalog.prioritise(id, priority)
    notes.models.set(modelId, cached)
    await notes.write()
    return cached
  }

  async get(modelId: ModelId): Promise<CachedModel | 'expired' | 'corrupt' | undefined> {
    const { clock, shelf, notes } = this.#options
    const model = notes.models.get(modelId)
    if (!model) return undefined
    const id = basename(model.cachePath)
    const isExpired = model.expiresAtMs !== null && model.expiresAtMs <= clock.nowMs()
    const entry = isExpired ? undefined : shelf.catalog.get(id)
    const file = entry && (await shelf.open(entry))
    if (entry && file) {
      await shelf.close(entry, file)
      return { ...model, entryIds: model.entryIds.filter((other) => shelf.catalog.get(other)) }
    }
    await this.forget(modelId)
    // What made room for others since is as good as expired.
    return shelf.isDamaged(id) ? 'corrupt' : 'expired'
  }

  async renew(modelId: ModelId, { ttlMs, priority }: Pick<ModelToCache, 'ttlMs' | 'priority'>): Promise<void> {
    const { clock, shelf, notes } = this.#options
    const model = notes.models.get(modelId)
    if (!model) return
    if (priority) for (const id of model.entryIds) shelf.catalog.prioritise(id, priority)
    if (ttlMs !== undefined) notes.models.set(modelId, { ...model, expiresAtMs: endOf(clock.nowMs(), ttlMs) })
    await notes.write()
  }

  async forget(modelId: ModelId): Promise<void> {
    const { shelf, notes } = this.#options
    const model = notes.models.get(modelId)
    if (!model) return
    notes.models.delete(modelId)
    const entry = shelf.catalog.get(basename(model.cachePath))
    if (entry?.tokens === 0) await shelf.remove(entry)
    await notes.write()
  }

  /** @param modelId absent = all. */
  async clear(modelId?: ModelId): Promise<void> {
    const { models } = this.#options.notes
    for (const id of [...models.keys()]) if (modelId === undefined || id === modelId) models.delete(id)
    await this.#options.notes.write()
  }
}

/** `null` = none. */
function endOf(nowMs: number, ttlMs: number | null): number | null {
  return ttlMs === null ? null : nowMs + ttlMs
}
