import type { CoreEvent } from '../core/event.ts'
import { stayingSibling } from '../core/siblings.ts'
import { roomBytes } from '../core/window.ts'
import { isInMemory, isLeaving, type World } from '../core/world.ts'
import type { ModelCatalog } from '../spec/catalog.ts'
import type { JournalEntry } from '../spec/journal.ts'
import { keepNewest } from '../spec/keep-newest.ts'
import type { ModelWish } from '../spec/model-wish.ts'
import type { ModelDefinition, ModelId, Platform } from '../spec/model.ts'
import type { EngineCounters, Status } from '../spec/status.ts'

/** Models whose largest wish is remembered; of more, the one that was asked for longest ago is forgotten. */
export const MOST_WISHED_MODELS = 1_000

/** A model as a request wants it. */
export type Arrival = Pick<Extract<CoreEvent, { type: 'requestArrived' }>, 'definition' | 'wish' | 'larger'>

/** What clients asked for so far. */
interface Remembered {
  readonly largestTokens: number
  /** The last one. */
  readonly batchTokens: number | undefined
}

const NONE: ReadonlySet<ModelId> = new Set()

/**
 * Finds models for requests that say how large a window they mean to use. The largest wish for a model is remembered,
 * so that clients with different ones share one window instead of taking it from each other.
 */
export class WishedModels {
  readonly #catalog: Pick<ModelCatalog, 'resolve'>
  readonly #world: () => Readonly<World>
  readonly #remembered = new Map<ModelId, Remembered>()
  readonly #counted = new Map<Platform, { reloadsAvoided: number; reloads: number }>()

  constructor(catalog: Pick<ModelCatalog, 'resolve'>, world: () => Readonly<World>) {
    this.#catalog = catalog
    this.#world = world
  }

  /** Rejects like {@link ModelCatalog.resolve}. */
  async resolve(name: string | undefined, wish: ModelWish | undefined): Promise<Arrival> {
    const definition = await this.#catalog.resolve(name)
    const lastBatchTokens = this.#remembered.get(definition.id)?.batchTokens
    const wishedTokens = this.#remember(definition.id, wish)
    const larger = await this.#larger(name, definition, wishedTokens)
    this.#countAvoided(definition, wish, lastBatchTokens, larger !== undefined)
    return { definition, ...(wish && { wish }), ...(larger && { larger: { definition: larger, wishedTokens } }) }
  }

  /** A model whose weights are to be loaded anew for its window. */
  noteDecision({ decision, modelId }: JournalEntry): void {
    const model = decision === 'grow-window' && modelId !== undefined && this.#world().models.get(modelId)
    // Beside weights that stay only a context is made anew; an engine that loads those anew counts that itself.
    if (model && !stayingSibling(this.#world(), model, NONE)) this.#counters(model.definition.platform).reloads++
  }

  /** What was counted here, with what engines count. */
  counters(ofEngines: Status['engineCounters']): Status['engineCounters'] {
    const all: Partial<Record<Platform, EngineCounters>> = { ...ofEngines }
    for (const [platform, { reloadsAvoided, reloads }] of this.#counted) {
      const own = all[platform]
      all[platform] = {
        reloadsAvoided: reloadsAvoided + (own?.reloadsAvoided ?? 0),
        reloads: reloads + (own?.reloads ?? 0),
      }
    }
    return all
  }

  /** Returns the largest wish for a window of this model so far; 0 = none. */
  #remember(modelId: ModelId, { contextTokens = 0, batchTokens }: ModelWish = {}): number {
    const before = this.#remembered.get(modelId)
    const largestTokens = Math.max(contextTokens, before?.largestTokens ?? 0)
    const lastBatchTokens = batchTokens ?? before?.batchTokens
    if (largestTokens === 0 && lastBatchTokens === undefined) return 0
    this.#remembered.delete(modelId)
    this.#remembered.set(modelId, { largestTokens, batchTokens: lastBatchTokens })
    keepNewest(this.#remembered, MOST_WISHED_MODELS)
    return largestTokens
  }

  async #larger(
    name: string | undefined,
    configured: ModelDefinition,
    wishedTokens: number,
  ): Promise<ModelDefinition | undefined> {
    if (wishedTokens <= configured.contextTokens) return undefined
    const mostBytes = roomBytes(this.#world(), configured)
    const definition = await this.#catalog.resolve(name, { leastContextTokens: wishedTokens, mostBytes })
    // The name may lead elsewhere by now.
    const isLarger = definition.id === configured.id && definition.contextTokens > configured.contextTokens
    return isLarger ? definition : undefined
  }

  /**
   * An engine that took each request's numbers for its own would have loaded the model anew for this one: for another window
   * than the one in force, or for another batch than the one in force, which is the last one asked for where none is configured.
   */
  #countAvoided(
    { id }: ModelDefinition,
    { contextTokens, batchTokens }: ModelWish = {},
    lastBatchTokens: number | undefined,
    isLarger: boolean,
  ): void {
    const model = this.#world().models.get(id)
    if (!model || !isInMemory(model) || isLeaving(model)) return
    const { definition, triedTokens } = model
    const mayGrow = isLarger && (contextTokens ?? 0) > Math.max(definition.contextTokens, triedTokens)
    if (mayGrow) return
    const batchInForce = definition.engine.batchTokens ?? lastBatchTokens ?? batchTokens
    const isOtherWindow = contextTokens !== undefined && contextTokens !== definition.contextTokens
    const isOtherBatch = batchTokens !== undefined && batchTokens !== batchInForce
    if (isOtherWindow || isOtherBatch) this.#counters(definition.platform).reloadsAvoided++
  }

  #counters(platform: Platform): { reloadsAvoided: number; reloads: number } {
    const known = this.#counted.get(platform)
    if (known) return known
    const counters = { reloadsAvoided: 0, reloads: 0 }
    this.#counted.set(platform, counters)
    return counters
  }
}
