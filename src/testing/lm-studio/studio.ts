import type { Clock } from '../../spec/clock.ts'
import { pause } from '../time/pause.ts'
import { Instance, type InstanceEnd, type LoadedBy } from './instance.ts'
import { defaultKnobs, type FakeStudioCounters, type FakeStudioKnobs, noCounts } from './knobs.ts'
import { DEFAULT_REST, type LoadRequest } from './load-config.ts'
import type { FakeStudioModel } from './models.ts'

/** Why a load failed: what LM Studio says after the name of the model. */
export class LoadFailure extends Error {
  override readonly name = 'LoadFailure'
}

/** How a load is asked for. */
export interface LoadWish {
  readonly loadedBy: LoadedBy
  /** `Infinity`: it stays until someone unloads it. */
  readonly ttlMs: number
  readonly contextTokens?: number | undefined
  readonly rest?: LoadRequest['rest']
}

/** Everything of the application but HTTP: what is on disk, and what is in memory. */
export class FakeStudio {
  readonly version: string
  readonly clock: Clock
  readonly knobs: FakeStudioKnobs
  readonly counters: FakeStudioCounters = noCounts()
  readonly models: readonly FakeStudioModel[]
  /** Loads that requests are waiting for, by key: looked at where they are kept from racing. */
  readonly jitLoads: Map<string, Promise<Instance>> = new Map()
  readonly #instances = new Map<string, Instance>()
  readonly #closed = new AbortController()
  #lastSeed = 0
  #lastReply = 0

  constructor(version: string, clock: Clock, knobs: Partial<FakeStudioKnobs>, models: readonly FakeStudioModel[]) {
    this.version = version
    this.clock = clock
    this.knobs = { ...defaultKnobs(), ...knobs }
    this.models = models
  }

  /** What is in memory, oldest first. */
  get loaded(): readonly Instance[] {
    return [...this.#instances.values()].filter(({ isLoaded }) => isLoaded)
  }

  /** By its key, whatever its case. */
  modelOf(key: string): FakeStudioModel | undefined {
    return this.models.find((model) => model.key.toLowerCase() === key.toLowerCase())
  }

  instance(id: string): Instance | undefined {
    const found = this.#instances.get(id)
    return found?.isLoaded ? found : undefined
  }

  /**
   * Loads one more instance, whether the model is loaded or not, and goes on when whoever asked has left. Throws a
   * {@link LoadFailure}.
   */
  async load(model: FakeStudioModel, wish: LoadWish): Promise<Instance> {
    const { knobs, counters, clock } = this
    const contextTokens = wish.contextTokens ?? Math.min(knobs.contextTokens, model.maxContextTokens)
    const sizeBytes = model.sizeBytes + contextTokens * knobs.contextTokenBytes
    const isDuplicate = [...this.#instances.values()].some((each) => each.model === model)
    const config = { ...(wish.rest ?? DEFAULT_REST), contextTokens }
    const { loadedBy, ttlMs } = wish
    const instance: Instance = new Instance(this.#freeId(model.key), model, config, {
      loadedBy,
      ttlMs,
      sizeBytes,
      clock,
      parallel: knobs.parallel,
      onExpired: () => this.#expire(instance),
    })
    const refused = this.#guardrail(sizeBytes)
    this.#instances.set(instance.id, instance)
    const end = await pause(clock, knobs.loadDelayMs, this.#closed.signal)
    const failure = refused ?? knobs.loadFailures.get(model.key)
    if (end === 'aborted' || failure !== undefined) {
      counters.failedLoads++
      this.#instances.delete(instance.id)
      throw new LoadFailure(failure ?? 'The application was closed.')
    }
    counters.loads.set(model.key, (counters.loads.get(model.key) ?? 0) + 1)
    if (isDuplicate) counters.duplicates++
    if (wish.loadedBy === 'jit') counters.jitLoads++
    instance.loaded()
    return instance
  }

  /** Takes an instance out of memory; answers under way fail. */
  unload(instance: Instance, by: InstanceEnd = 'unloaded'): void {
    if (!this.#instances.delete(instance.id)) return
    this.counters.unloads++
    instance.end(by)
  }

  /** Makes room as the setting says: of the models that requests loaded, only the last one stays. */
  evictOthers(): void {
    if (!this.knobs.isAutoEvicting) return
    for (const each of this.loaded) {
      if (each.loadedBy !== 'jit') continue
      this.counters.evictions++
      this.unload(each)
    }
  }

  nextSeed(): number {
    return this.#lastSeed++
  }

  nextReplyId(prefix: string): string {
    return `${prefix}-fake${String(++this.#lastReply).padStart(8, '0')}`
  }

  close(): void {
    this.#closed.abort()
    for (const each of this.#instances.values()) each.end('crashed')
    this.#instances.clear()
  }

  /** `key`, `key:2`, `key:3`: the first that nobody has. */
  #freeId(key: string): string {
    for (let count = 1; ; count++) {
      const id = count === 1 ? key : `${key}:${count}`
      if (!this.#instances.has(id)) return id
    }
  }

  #guardrail(sizeBytes: number): string | undefined {
    const used = [...this.#instances.values()].reduce((sum, each) => sum + each.sizeBytes, 0)
    if (used + sizeBytes <= this.knobs.guardrailLimitBytes) return undefined
    const gigabytes = (sizeBytes / 1e9).toFixed(2)
    return `Model loading was stopped due to insufficient system resources. Under the current settings, this model requires approximately ${gigabytes} GB of memory, and continuing to load it would likely overload your system and cause it to freeze. If you think this is incorrect, you can adjust the model loading guardrails in settings.`
  }

  #expire(instance: Instance): void {
    this.counters.expirations++
    this.unload(instance)
  }
}
