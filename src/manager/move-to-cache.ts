import type { ModelRecord, World } from '../core/world.ts'
import { isInMemory } from '../core/world.ts'
import type { CacheReceipt, CacheSizes, CacheWish } from '../spec/cache-service.ts'
import { resourceError } from '../spec/errors.ts'
import type { ByteSource } from '../spec/memory.ts'
import type { ModelDefinition, ModelId } from '../spec/model.ts'
import type { Provider } from '../spec/provider.ts'
import type { CachedModel, SavedState, StateCacheKeeper } from '../spec/state-cache.ts'
import type { StateSaving } from './state-saving.ts'

export interface MoveToCacheOptions {
  readonly cache: StateCacheKeeper | undefined
  readonly saving: StateSaving
  readonly world: () => Readonly<World>
  /** Ids of the kept conversations that a model was asked in last: its file names them. */
  readonly conversationsOf: (modelId: ModelId) => Promise<readonly string[]>
  /** A model that was in memory is in the cache, and out of memory. */
  readonly onMoved: (receipt: CacheReceipt) => void
  readonly onFault: (error: unknown) => void
}

/** What is on disk of a model whose memory is about to be given back. */
export interface MoveInFlight {
  /** Its memory is given back. */
  finish(): Promise<void>
}

const NO_STATES = 'Its engine keeps KV states to itself: conversations are read again from their text.'
const NOTHING_NEW =
  'No state had to be saved: what it held was saved before, or is too short for a file (kvcache.minTokens).'
const NOT_LOADED = 'It was not in memory, so nothing was freed.'

/**
 * Models on their way to the cache. Nothing is given back before its file is written: a disk that is full leaves the
 * model where it is.
 */
export class MoveToCache {
  readonly #options: MoveToCacheOptions
  readonly #wishes = new Map<ModelId, CacheWish>()
  readonly #receipts = new Map<ModelId, CacheReceipt>()
  /** What went wrong with a model's states since its move began. */
  readonly #failures = new Map<ModelId, string>()

  constructor(options: MoveToCacheOptions) {
    this.#options = options
    options.cache?.onFault(({ modelId, message }) => {
      if (modelId !== undefined && this.#wishes.has(modelId)) this.#failures.set(modelId, message)
    })
  }

  /** What a call asks for; called before the model is told to leave. Throws where nothing can be kept. */
  begin(modelId: ModelId, wish: CacheWish): void {
    const { cache } = this.#options
    if (!cache?.report().isEnabled) {
      const why = cache
        ? 'kvcache.enabled or conversations.keep is false'
        : 'its folder could not be opened; the log says why'
      throw resourceError(
        'cache-operation-failed',
        `Nothing is kept in the KV cache: ${why}. ${modelId} stays as it is.`,
      )
    }
    this.#wishes.set(modelId, wish)
    this.#failures.delete(modelId)
    this.#receipts.delete(modelId)
  }

  /** The call is over: what came of it. */
  async end(definition: ModelDefinition): Promise<CacheReceipt> {
    const { id } = definition
    const receipt = this.#receipts.get(id)
    if (receipt) return receipt
    // It was not in memory, or left by itself just before: its states were saved then.
    const cached = await this.#validCached(id)
    if (cached) await this.#options.cache?.renewCachedModel(id, this.#wishes.get(id) ?? {})
    const { cachePath } = cached ?? (await this.#write(definition, []))
    const sizes = { beforeBytes: 0, afterBytes: 0, savedBytes: 0, sizeSource: 'measured' } as const
    return { modelId: id, cachePath, wasLoaded: false, states: 0, tokens: 0, ...sizes, note: NOT_LOADED }
  }

  /** Saves what the model holds. Rejects when its file cannot be written. */
  async moveOut(provider: Provider, definition: ModelDefinition): Promise<MoveInFlight> {
    const { saving, onMoved } = this.#options
    const { id: modelId } = definition
    const before = await this.#measure(provider, definition, true)
    this.#failures.delete(modelId)
    const saved = await saving.save(provider, modelId, 'cache')
    const { cachePath } = await this.#write(definition, saved)
    const nothing = saved.length === 0 ? NOTHING_NEW : undefined
    const note = provider.states ? (this.#failures.get(modelId) ?? nothing) : NO_STATES
    return {
      finish: async () => {
        const after = await this.#measure(provider, definition, false)
        const tokens = saved.reduce((sum, state) => sum + state.tokens, 0)
        const sizes = sizesOf(before, after.bytes)
        const what = { modelId, cachePath, wasLoaded: true, states: saved.length, tokens }
        const receipt = { ...what, ...sizes, ...(note !== undefined && { note }) }
        this.#receipts.set(modelId, receipt)
        onMoved(receipt)
      },
    }
  }

  async #validCached(modelId: ModelId): Promise<CachedModel | undefined> {
    const cached = await this.#options.cache?.cachedModel(modelId)
    return typeof cached === 'object' ? cached : undefined
  }

  async #write(definition: ModelDefinition, saved: readonly SavedState[]): Promise<CachedModel> {
    const { cache, conversationsOf } = this.#options
    const { id: modelId, platform, contextTokens, parallel, engine } = definition
    if (!cache) throw resourceError('cache-operation-failed', 'There is no KV cache any more.')
    const metadata = { platform, contextTokens, parallel, engine, conversations: await conversationsOf(modelId) }
    return cache.cacheModel({ modelId, saved, ...this.#wishes.get(modelId), metadata })
  }

  /** What the engine of these weights takes, with all models on them. @param own counts the model itself, by what is known if need be. */
  async #measure(
    provider: Provider,
    { id, engineKey }: ModelDefinition,
    own: boolean,
  ): Promise<{ readonly bytes: number; readonly source: ByteSource }> {
    const records = [...this.#options.world().models.values()].filter(
      (model) => isInMemory(model) && model.definition.engineKey === engineKey,
    )
    const found = await Promise.all(
      records.map(async (model) => (await this.#measureOne(provider, model)) ?? knownOf(model, own, id)),
    )
    const bytes = found.reduce((sumBytes, footprint) => sumBytes + (footprint?.bytes ?? 0), 0)
    const sources = found.flatMap((footprint) => footprint?.source ?? [])
    return { bytes, source: sources.find((source) => source !== 'measured') ?? 'measured' }
  }

  async #measureOne(provider: Provider, { definition }: ModelRecord): ReturnType<Provider['measure']> {
    try {
      return await provider.measure(definition.id)
    } catch (error) {
      this.#options.onFault(error)
      return undefined
    }
  }
}

function knownOf({ definition, footprint }: ModelRecord, own: boolean, id: ModelId): ModelRecord['footprint'] {
  return own || definition.id !== id ? footprint : undefined
}

function sizesOf(before: { readonly bytes: number; readonly source: ByteSource }, afterBytes: number): CacheSizes {
  const savedBytes = Math.max(0, before.bytes - afterBytes)
  return { beforeBytes: before.bytes, afterBytes, savedBytes, sizeSource: before.source }
}
