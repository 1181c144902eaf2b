import type { Effect } from '../core/effect.ts'
import { resourceError, toErrorData } from '../spec/errors.ts'
import type { MemoryReading } from '../spec/memory.ts'
import type { ModelDefinition, Platform } from '../spec/model.ts'
import type { EngineLoss, Provider, SpareProcess } from '../spec/provider.ts'
import type { Status } from '../spec/status.ts'
import type { EventBody } from './core-loop.ts'
import type { MoveInFlight, MoveToCache } from './move-to-cache.ts'
import type { StateSaving } from './state-saving.ts'

export type Providers = Readonly<Partial<Record<Platform, Provider>>>

export interface EngineRoomOptions {
  readonly providers: Providers
  readonly saving: StateSaving
  readonly moves: MoveToCache
  /** A fresh reading; `addedFileBytes` = weights that were mapped just now. */
  readonly readMemory: (addedFileBytes?: number) => Promise<MemoryReading>
  readonly dispatch: (event: EventBody) => void
}

/** Carries out the effects that concern engines and tells the core how they ended, with a fresh reading of memory. */
export class EngineRoom {
  readonly #options: EngineRoomOptions
  readonly #loads = new Map<number, AbortController>()
  /** Losses reported whose memory reading is still under way. */
  readonly #losses = new Set<Promise<void>>()
  #spareTold: Promise<void> = Promise.resolve()

  constructor(options: EngineRoomOptions) {
    this.#options = options
    for (const provider of Object.values(options.providers)) {
      provider.onEngineLost((loss) => this.#noteLoss(loss))
      provider.spare?.onChanged((spare) => {
        // In the order in which it was told: a reading may take longer than the next one.
        this.#spareTold = this.#spareTold.then(() => this.#noteSpare(spare))
      })
    }
  }

  provider(platform: Platform): Provider {
    const provider = this.#options.providers[platform]
    if (!provider) throw resourceError('engine-missing', `No engine for '${platform}' models is connected.`)
    return provider
  }

  /** Copies of what engines count. */
  counters(): Status['engineCounters'] {
    const counted = Object.entries(this.#options.providers).flatMap(([platform, { counters }]) =>
      counters ? [[platform, { ...counters }] as const] : [],
    )
    return Object.fromEntries(counted)
  }

  load(effect: Extract<Effect, { type: 'load' }>): void {
    const { loadId } = effect
    const controller = new AbortController()
    this.#loads.set(loadId, controller)
    void this.#load(effect, controller.signal).finally(() => this.#loads.delete(loadId))
  }

  abortLoad(loadId: number): void {
    this.#loads.get(loadId)?.abort()
  }

  async unload(
    { modelId, reason, toCache }: Extract<Effect, { type: 'unload' }>,
    definition: ModelDefinition,
  ): Promise<void> {
    const { saving, moves } = this.#options
    let move: MoveInFlight | undefined
    try {
      const provider = this.provider(definition.platform)
      if (toCache) move = await moves.moveOut(provider, definition)
      else if (provider.states) await saving.save(provider, modelId, reason === 'shutdown' ? reason : 'unload')
      await provider.unload(modelId, reason)
    } catch (error) {
      return this.#options.dispatch({ type: 'unloadFailed', modelId, error: toErrorData(error) })
    }
    await move?.finish()
    const memory = await this.#options.readMemory()
    this.#options.dispatch({ type: 'unloadSucceeded', modelId, memory })
  }

  /** Answered by `spareChanged`. */
  dropSpare(): void {
    for (const provider of Object.values(this.#options.providers)) void provider.spare?.drop()
  }

  /** Resolves when every loss reported so far has been told to the core. */
  async lossesTold(): Promise<void> {
    while (this.#losses.size > 0) await Promise.all(this.#losses)
  }

  /** Saves what these models hold, all at once; for the end, where there is no more time than that. */
  async saveAll(definitions: readonly ModelDefinition[], deadlineMs: number): Promise<void> {
    const { saving } = this.#options
    const save = ({ id, platform }: ModelDefinition): Promise<unknown> =>
      saving.save(this.provider(platform), id, 'shutdown', deadlineMs)
    await Promise.all(definitions.map(save))
  }

  async dispose(): Promise<void> {
    for (const controller of this.#loads.values()) controller.abort()
    await Promise.all(Object.values(this.#options.providers).map((provider) => provider.dispose()))
  }

  async #load(
    { definition, loadId, placement }: Extract<Effect, { type: 'load' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { dispatch, readMemory } = this.#options
    const modelId = definition.id
    try {
      const provider = this.provider(definition.platform)
      const result = await provider.load(definition, signal, placement)
      const { fromCache } = await this.#options.saving.comeBack(provider, modelId)
      const memory = await readMemory(result.heldFileBytes)
      dispatch({ type: 'loadSucceeded', modelId, loadId, ...result, fromCache, memory })
    } catch (error) {
      const memory = await readMemory()
      dispatch({ type: 'loadFailed', modelId, loadId, error: toErrorData(error), memory })
    }
  }

  async #noteSpare(spare: SpareProcess | undefined): Promise<void> {
    const memory = await this.#options.readMemory()
    this.#options.dispatch({ type: 'spareChanged', spare, memory })
  }

  #noteLoss({ engineKey, cause, detail }: EngineLoss): void {
    const told = this.#options
      .readMemory()
      .then((memory) => this.#options.dispatch({ type: 'engineLost', engineKey, cause, detail, memory }))
      .finally(() => this.#losses.delete(told))
    this.#losses.add(told)
  }
}
