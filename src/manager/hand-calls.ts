import { isInMemory, holds, type World } from '../core/world.ts'
import type { Publication } from '../core/effect.ts'
import type { CacheReceipt, CacheWish } from '../spec/cache-service.ts'
import type { ModelCatalog } from '../spec/catalog.ts'
import type { ModelId } from '../spec/model.ts'
import type { ModelWish } from '../spec/model-wish.ts'
import type { AllocationRequest, FreeReceipt, LoadReceipt, ModelStatus, UnloadReceipt } from '../spec/status.ts'
import type { EventBody } from './core-loop.ts'
import type { LoadNotes } from './load-notes.ts'
import type { MoveToCache } from './move-to-cache.ts'
import type { PendingCalls } from './pending-calls.ts'
import type { WishedModels } from './wished-models.ts'

export interface HandCallsOptions {
  readonly catalog: ModelCatalog
  readonly wishes: WishedModels
  readonly calls: PendingCalls
  readonly loads: LoadNotes
  readonly moves: MoveToCache
  readonly world: () => Readonly<World>
  readonly dispatch: (event: EventBody) => void
  readonly publish: (publication: Publication) => void
  readonly describe: (modelId: ModelId) => ModelStatus
  readonly newRequestId: () => string
  readonly nowMs: () => number
}

/** What is done to models by hand: each call waits for the core's `end` of its id. */
export class HandCalls {
  readonly #options: HandCallsOptions

  constructor(options: HandCallsOptions) {
    this.#options = options
  }

  async load(model: string | undefined, signal: AbortSignal, wish?: ModelWish): Promise<LoadReceipt> {
    const { wishes, loads, describe, nowMs, newRequestId } = this.#options
    const requestId = newRequestId()
    const arrival = await wishes.resolve(model, wish)
    const modelId = arrival.definition.id
    const askedAtMs = nowMs()
    const event = { type: 'requestArrived', requestId, ...arrival, kind: 'load', requestHash: requestId } as const
    await this.#call(requestId, signal, event)
    const { state, footprintBytes, footprintSource } = describe(modelId)
    return { modelId, state, footprintBytes, footprintSource, loadMs: loads.loadMsSince(modelId, askedAtMs) }
  }

  async unload(model: string | undefined, signal: AbortSignal): Promise<UnloadReceipt> {
    const { catalog, world } = this.#options
    const { id: modelId } = await catalog.resolve(model)
    const wasLoaded = holds(world(), modelId)
    await this.#unload(modelId, signal)
    return { modelId, state: world().models.get(modelId)?.state ?? 'unloaded', wasLoaded }
  }

  async moveToCache(model: string | undefined, wish: CacheWish, signal: AbortSignal): Promise<CacheReceipt> {
    const { catalog, moves } = this.#options
    const definition = await catalog.resolve(model)
    moves.begin(definition.id, wish)
    await this.#unload(definition.id, signal, { toCache: true })
    return moves.end(definition)
  }

  async freeAll(signal: AbortSignal): Promise<FreeReceipt> {
    const models = [...this.#options.world().models.values()]
    const taking = models.filter((model) => isInMemory(model) || model.allocatedBytes > 0)
    const inMemory = taking.filter(isInMemory).map(({ definition }) => definition.id)
    await Promise.all(taking.map(({ definition }) => this.#unload(definition.id, signal)))
    const publication = { type: 'resourcesFreed', data: { unloadedModels: inMemory } } as const
    if (inMemory.length > 0) this.#options.publish(publication)
    return { unloadedModels: inMemory }
  }

  async allocate(model: string | undefined, allocation: AllocationRequest, signal: AbortSignal): Promise<void> {
    const requestId = this.#options.newRequestId()
    const definition = await this.#options.catalog.resolve(model)
    const event = { type: 'requestArrived', requestId, definition, allocation, requestHash: requestId } as const
    await this.#call(requestId, signal, { ...event, kind: 'allocate' })
  }

  async pin(model: string | undefined, pinned: boolean): Promise<void> {
    const requestId = this.#options.newRequestId()
    const definition = await this.#options.catalog.resolve(model)
    await this.#call(requestId, new AbortController().signal, { type: 'pinRequested', requestId, definition, pinned })
  }

  #unload(modelId: ModelId, signal: AbortSignal, how: { readonly toCache?: boolean } = {}): Promise<void> {
    const requestId = this.#options.newRequestId()
    return this.#call(requestId, signal, { type: 'unloadRequested', requestId, modelId, ...how })
  }

  /** Dispatches and waits for the `end` of this id. */
  #call(requestId: string, signal: AbortSignal, event: EventBody): Promise<void> {
    const { calls, dispatch } = this.#options
    const leave = (): void => dispatch({ type: 'requestCancelled', requestId })
    return calls.wait(requestId, signal, () => dispatch(event), leave)
  }
}
