import type { Clock, Timer } from '../../spec/clock.ts'
import { SlotPool } from '../answering/slot-pool.ts'
import type { LoadConfig } from './load-config.ts'
import type { FakeStudioModel } from './models.ts'

/** Who loaded an instance: a request for an answer, the API, or a person at the application. */
export type LoadedBy = 'jit' | 'api' | 'person'

/** What ended an instance. */
export type InstanceEnd = 'unloaded' | 'crashed'

/** A model in memory. */
export class Instance {
  readonly id: string
  readonly model: FakeStudioModel
  readonly config: LoadConfig
  readonly loadedBy: LoadedBy
  readonly pool: SlotPool
  /** What it takes, for the guardrail. */
  readonly sizeBytes: number
  isLoaded = false
  /** Set once it is gone. */
  endedBy: InstanceEnd | undefined
  readonly #ended = new AbortController()
  readonly #clock: Clock
  readonly #ttlMs: number
  readonly #onExpired: () => void
  #busyCount = 0
  #timer: Timer | undefined

  constructor(
    id: string,
    model: FakeStudioModel,
    config: LoadConfig,
    settings: {
      loadedBy: LoadedBy
      parallel: number
      sizeBytes: number
      clock: Clock
      /** `Infinity`: it stays. */
      ttlMs: number
      onExpired: () => void
    },
  ) {
    this.id = id
    this.model = model
    this.config = config
    this.loadedBy = settings.loadedBy
    this.pool = new SlotPool(settings.parallel)
    this.sizeBytes = settings.sizeBytes
    this.#clock = settings.clock
    this.#ttlMs = settings.ttlMs
    this.#onExpired = settings.onExpired
  }

  /** Given when it is gone. */
  get ended(): AbortSignal {
    return this.#ended.signal
  }

  /** Requests that it answers or that wait for it. */
  get busyCount(): number {
    return this.#busyCount
  }

  /** It is in memory now, and its time begins. */
  loaded(): void {
    this.isLoaded = true
    this.#wait()
  }

  /** One more request uses it; its time begins anew when the last one ends. */
  use(): void {
    this.#busyCount++
    this.#timer?.cancel()
  }

  leave(): void {
    this.#busyCount--
    this.#wait()
  }

  end(by: InstanceEnd): void {
    this.endedBy = by
    this.#timer?.cancel()
    this.#ended.abort()
  }

  #wait(): void {
    if (this.#busyCount > 0 || this.#ttlMs === Infinity || this.endedBy) return
    this.#timer = this.#clock.setTimer(this.#ttlMs, this.#onExpired)
  }
}
