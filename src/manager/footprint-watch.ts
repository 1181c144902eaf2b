import { isInMemory, type World } from '../core/world.ts'
import type { Footprint, ModelDefinition, ModelId, Platform } from '../spec/model.ts'
import type { Provider } from '../spec/provider.ts'
import type { EventBody } from './core-loop.ts'

export interface FootprintWatchOptions {
  readonly world: () => Readonly<World>
  readonly providerOf: (platform: Platform) => Provider
  readonly dispatch: (event: EventBody) => void
  /** What a model takes by itself was measured. */
  readonly onFootprint: ((definition: ModelDefinition, footprint: Footprint) => void) | undefined
  readonly onFault: (error: unknown) => void
}

/** Measures models again when that says more than the measurement at their load. */
export class FootprintWatch {
  readonly #options: FootprintWatchOptions

  constructor(options: FootprintWatchOptions) {
    this.#options = options
  }

  /**
   * After a load's first answer, when all of the engine's buffers are really in use. Worth remembering for the next load
   * is only what the model takes by itself: beside another one on its weights it is a part of that, and with layers on
   * GPUs it is what is left.
   */
  async measureInUse(definition: ModelDefinition): Promise<void> {
    const footprint = await this.#measure(definition)
    const isInRam = this.#options.world().models.get(definition.id)?.placement === undefined
    if (footprint && isInRam && this.#siblings(definition).length === 0) {
      this.#options.onFootprint?.(definition, footprint)
    }
  }

  /** One of those that stay on its weights is what these are counted with from now on. */
  modelLeft(modelId: ModelId): void {
    const left = this.#options.world().models.get(modelId)
    if (left) for (const sibling of this.#siblings(left.definition)) void this.#measure(sibling)
  }

  async #measure(definition: ModelDefinition): Promise<Footprint | undefined> {
    const { providerOf, dispatch, onFault } = this.#options
    try {
      const footprint = await providerOf(definition.platform).measure(definition.id)
      if (footprint) dispatch({ type: 'footprintMeasured', modelId: definition.id, footprint })
      return footprint
    } catch (error) {
      onFault(error)
      return undefined
    }
  }

  /** Other models in memory on the same weights. */
  #siblings({ id, engineKey }: ModelDefinition): ModelDefinition[] {
    const inMemory = [...this.#options.world().models.values()].filter(isInMemory)
    return inMemory
      .map(({ definition }) => definition)
      .filter((other) => other.engineKey === engineKey && other.id !== id)
  }
}
