import { isInMemory, type ModelRecord, type World } from '../core/world.ts'
import type { Clock } from '../spec/clock.ts'
import type { EngineRoom } from './engine-room.ts'
import type { EventLog } from './event-log.ts'
import { whenIdle } from './when-idle.ts'

/** For states of models that still serve when the grace is over: the whole end is to take no more than 10 s. */
const LAST_SAVE_MS = 1_500

export interface EndingOptions {
  readonly clock: Clock
  readonly events: Pick<EventLog, 'subscribe'>
  readonly engines: Pick<EngineRoom, 'saveAll' | 'dispose'>
  readonly world: () => Readonly<World>
  /** Tells the core: nothing new begins, and what is idle leaves memory, saving what it holds. */
  readonly begin: () => void
  readonly isServing: () => boolean
  /** Everybody who waits is told that there is no answer. */
  readonly refuseAll: () => void
  /** Nothing happens by itself any more. */
  readonly stopTime: () => void
  readonly onFault: (error: unknown) => void
}

/** How a manager ends. Either way live conversations are saved first, and nothing is left running. */
export class Ending {
  readonly #options: EndingOptions

  constructor(options: EndingOptions) {
    this.#options = options
  }

  /** Nothing new begins, what is being served may finish within `graceMs`, then every engine is ended. */
  async close(graceMs: number): Promise<void> {
    const { begin, isServing, events, clock, refuseAll } = this.#options
    begin()
    await whenIdle(() => !isServing() && this.#models(isInMemory).length === 0, events, clock, graceMs)
    refuseAll()
    await this.#saveReady()
    await this.#end()
  }

  /**
   * The same without waiting for answers: before this returns every caller is told that it gets none. Engines end once what they
   * hold of conversations is saved, after {@link LAST_SAVE_MS} at the latest. Never rejects.
   */
  async destroy(): Promise<void> {
    const { begin, events, clock, refuseAll, onFault } = this.#options
    begin()
    refuseAll()
    // What was idle is on its way out and saves by itself; what served is still ready.
    const isSaved = (): boolean => this.#models(({ state }) => state === 'unloading').length === 0
    await Promise.all([whenIdle(isSaved, events, clock, LAST_SAVE_MS), this.#saveReady()])
    await this.#end().catch(onFault)
  }

  #models(isMeant: (model: ModelRecord) => boolean): ModelRecord[] {
    return [...this.#options.world().models.values()].filter(isMeant)
  }

  async #saveReady(): Promise<void> {
    const ready = this.#models(({ state }) => state === 'ready')
    await this.#options.engines.saveAll(
      ready.map(({ definition }) => definition),
      LAST_SAVE_MS,
    )
  }

  #end(): Promise<void> {
    const { refuseAll, stopTime, engines } = this.#options
    refuseAll()
    stopTime()
    return engines.dispose()
  }
}
