import type { Effect } from '../core/effect.ts'
import type { CoreEvent } from '../core/event.ts'
import { step } from '../core/step.ts'
import { nextWakeAtMs } from '../core/wake.ts'
import { createWorld, type World } from '../core/world.ts'
import type { Clock, Timer } from '../spec/clock.ts'
import type { MemoryReading } from '../spec/memory.ts'
import type { Settings } from '../spec/settings.ts'

/** A {@link CoreEvent} before it gets its time. */
export type EventBody = CoreEvent extends infer Event ? (Event extends CoreEvent ? Omit<Event, 'atMs'> : never) : never

export interface CoreLoopOptions {
  readonly clock: Clock
  readonly settings: Settings
  readonly memory: MemoryReading
  /** Carries an effect out, or starts it; how it ends comes back as an event. */
  readonly perform: (effect: Effect) => void
}

/** Owns the world: one event at a time, its effects in order, a timer for what time alone changes. */
export class CoreLoop {
  readonly #options: CoreLoopOptions
  readonly #world: World
  readonly #inbox: EventBody[] = []
  #wake: Timer | undefined
  #isStepping = false
  #isStopped = false

  constructor(options: CoreLoopOptions) {
    this.#options = options
    this.#world = createWorld(options.settings, options.memory)
  }

  /** To read from; only the core changes it. */
  get world(): Readonly<World> {
    return this.#world
  }

  /** Steps the core. What an effect dispatches while effects are being carried out waits for its turn. */
  dispatch(event: EventBody): void {
    this.#inbox.push(event)
    if (this.#isStepping) return
    this.#isStepping = true
    try {
      for (let next = this.#inbox.shift(); next; next = this.#inbox.shift()) {
        const effects = step(this.#world, { ...next, atMs: this.#options.clock.nowMs() })
        for (const effect of effects) this.#options.perform(effect)
      }
    } finally {
      this.#isStepping = false
    }
    this.#armWake()
  }

  /** Time alone changes nothing from now on; events are still answered. */
  stopTime(): void {
    this.#isStopped = true
    this.#wake?.cancel()
  }

  #armWake(): void {
    this.#wake?.cancel()
    if (this.#isStopped) return
    const wakeAtMs = nextWakeAtMs(this.#world)
    if (wakeAtMs === undefined) return
    const { clock } = this.#options
    this.#wake = clock.setTimer(wakeAtMs - clock.nowMs(), () => this.dispatch({ type: 'timePassed' }))
  }
}
