import type { Clock } from '../../spec/clock.ts'
import type { EngineAge } from './engine-age.ts'
import { type FakeOllamaCounters, type FakeOllamaKnobs, slotsOf } from './knobs.ts'
import { type LoadSignature, needsReload } from './load-options.ts'
import { blobOf, type FakeModel, shortName } from './models.ts'
import { pause } from '../time/pause.ts'
import { memoryOf, refusedForMemory } from './runner-memory.ts'
import { Refusal } from './refusal.ts'
import { Runner } from './runner.ts'

/** A use of a loaded model. */
export interface Lease {
  readonly runner: Runner
  /** Ends the use; a second call does nothing. */
  release(): void
}

/** What a request needs of the scheduler. */
export interface Wish {
  readonly model: FakeModel
  readonly signature: LoadSignature
  /** `undefined`: the runner keeps its own, a new one gets the server's. */
  readonly keepAliveMs: number | undefined
  readonly signal: AbortSignal
}

interface Ticket {
  readonly wish: Wish
  readonly resolve: (lease: Lease) => void
  readonly reject: (error: Refusal) => void
}

/** How long the scheduler waits for memory that was given back to be seen as free. */
const RECOVERY_LIMIT_MS = 5_000
/** From 0.30 on a model that takes more than this part of what is free makes room first. */
const CAUTIOUS_RATIO = 0.8
export const BUSY_TEXT = 'server busy, please try again.  maximum pending requests exceeded'

/**
 * Ollama's scheduler: a map of runners by their weights, and one loop that loads. A request for a runner that is loaded
 * as it wishes goes past the loop; every other one waits behind it, up to the limit.
 */
export class FakeScheduler {
  readonly #age: EngineAge
  readonly #clock: Clock
  readonly #knobs: FakeOllamaKnobs
  readonly #counters: FakeOllamaCounters
  readonly #runners = new Map<string, Runner>()
  /** Ends of loads under way, for who waits for the same runner. */
  readonly #loading = new Map<Runner, Promise<boolean>>()
  readonly #pending: Ticket[] = []
  readonly #closed = new AbortController()
  #unloadListeners: (() => void)[] = []
  #laggingBytes = 0
  #lastPid = 0
  #isLooping = false

  constructor(age: EngineAge, clock: Clock, knobs: FakeOllamaKnobs, counters: FakeOllamaCounters) {
    this.#age = age
    this.#clock = clock
    this.#knobs = knobs
    this.#counters = counters
  }

  /** What `/api/ps` lists, in the order of the loads. */
  get runners(): readonly Runner[] {
    return [...this.#runners.values()]
  }

  /** Requests that wait behind the loop: the one that it works for is none of them. */
  get queuedCount(): number {
    return this.#pending.length
  }

  /** Memory that is taken: of runners, and of those that left and are not free yet. */
  get usedBytes(): number {
    return this.runners.reduce((sum, { memory }) => sum + memory.sizeBytes, this.#laggingBytes)
  }

  /** A runner loaded as wished: at once, or after loads. Throws 503 past the queue, 500 when the load fails, 499 given up. */
  async acquire(wish: Wish): Promise<Lease> {
    for (;;) {
      const runner = this.#runners.get(blobOf(wish.model))
      if (!runner || !this.#isUsable(runner, wish)) return this.#queue(wish)
      const loading = this.#loading.get(runner)
      if (!loading) return this.#use(runner, wish.keepAliveMs)
      await Promise.race([loading, aborted(wish.signal)])
      if (wish.signal.aborted) throw cancelled()
    }
  }

  /** `keep_alive: 0` without a prompt: it goes as soon as nobody uses it. Nothing loaded is fine. */
  expire(model: FakeModel): void {
    const runner = this.#runners.get(blobOf(model))
    if (!runner || runner.state === 'unloading') return
    runner.expiresAtMs = this.#clock.nowMs()
    this.#expireRunner(runner)
  }

  /** The process of a model ends. False when it has none. */
  crash(model: FakeModel): boolean {
    const runner = this.#runners.get(blobOf(model))
    runner?.crash()
    return runner !== undefined
  }

  /** The server ends: every process goes with it, and no timer of it runs on. */
  close(): void {
    this.#closed.abort()
    for (const runner of this.#runners.values()) {
      runner.cancelTimer()
      runner.crash()
    }
    this.#runners.clear()
    for (const ticket of this.#pending.splice(0)) ticket.reject(new Refusal(500, 'server is shutting down'))
  }

  #isUsable(runner: Runner, wish: Wish): boolean {
    if (runner.state === 'unloading' || runner.died.aborted) return false
    return !needsReload(this.#age, runner.signature, wish.signature)
  }

  #use(runner: Runner, keepAliveMs: number | undefined): Lease {
    runner.use(keepAliveMs)
    return this.#leaseOf(runner)
  }

  #leaseOf(runner: Runner): Lease {
    let isReleased = false
    const release = (): void => {
      if (isReleased) return
      isReleased = true
      if (--runner.useCount > 0 || this.#closed.signal.aborted) return
      if (runner.sessionMs <= 0) this.#expireRunner(runner)
      else runner.startSession(() => this.#expireRunner(runner))
    }
    return { runner, release }
  }

  #queue(wish: Wish): Promise<Lease> {
    if (this.#isLooping && this.#pending.length >= this.#knobs.maxQueue) {
      this.#counters.refusedBusy++
      return Promise.reject(new Refusal(503, BUSY_TEXT))
    }
    return new Promise((resolve, reject) => {
      // Whoever leaves is answered at once, and keeps a place in the queue until the loop comes to it.
      wish.signal.addEventListener('abort', () => reject(cancelled()), { once: true })
      this.#pending.push({ wish, resolve, reject })
      if (!this.#isLooping) void this.#loop()
    })
  }

  async #loop(): Promise<void> {
    this.#isLooping = true
    for (let ticket = this.#pending.shift(); ticket; ticket = this.#pending.shift()) {
      await this.#serve(ticket)
    }
    this.#isLooping = false
  }

  /** One request at a time: until it is loaded, everyone behind it waits. */
  async #serve({ wish, resolve, reject }: Ticket): Promise<void> {
    let hasReloaded = false
    while (!wish.signal.aborted && !this.#closed.signal.aborted) {
      const same = this.#runners.get(blobOf(wish.model))
      if (same && this.#isUsable(same, wish)) return resolve(this.#use(same, wish.keepAliveMs))
      const memory = memoryOf(wish.model, wish.signature.options, this.#age, this.#knobs)
      if (!same && this.#runners.size < this.#knobs.maxLoadedModels && this.#hasRoom(memory.sizeBytes)) {
        return this.#load(wish).then(resolve, reject)
      }
      const victim = same ?? this.#victim()
      if (!victim) return reject(refusedForMemory(this.#age, memory.sizeBytes, this.#freeBytes))
      if (!same) this.#counters.evictions++
      else if (same.state !== 'unloading' && !hasReloaded) {
        hasReloaded = true
        this.#counters.reloads++
      }
      const unloaded = new Promise<void>((done) => this.#unloadListeners.push(done))
      if (victim.state !== 'unloading') this.#expireRunner(victim)
      await Promise.race([unloaded, aborted(this.#closed.signal)])
    }
  }

  get #freeBytes(): number {
    return this.#knobs.memoryBytes - this.usedBytes
  }

  #hasRoom(needBytes: number): boolean {
    const isAlone = this.#runners.size === 0
    const ratio = this.#age === 'llama-server' && !isAlone ? CAUTIOUS_RATIO : 1
    return needBytes <= this.#freeBytes * ratio
  }

  /** By the length of the session, not by last use; the first idle one, else the first to become idle. */
  #victim(): Runner | undefined {
    const sorted = this.runners.toSorted(
      (a, b) => compare(a.sessionMs, b.sessionMs) || (a.blob < b.blob ? -1 : Number(a.blob > b.blob)),
    )
    return sorted.find(({ useCount }) => useCount === 0) ?? sorted[0]
  }

  async #load(wish: Wish): Promise<Lease> {
    const { model, signature, keepAliveMs, signal } = wish
    const runner = new Runner(model, blobOf(model), signature, {
      clock: this.#clock,
      memory: memoryOf(model, signature.options, this.#age, this.#knobs),
      sessionMs: keepAliveMs ?? this.#knobs.keepAliveMs,
      slotCount: slotsOf(model, this.#knobs),
      pid: ++this.#lastPid,
    })
    runner.useCount = 1
    this.#runners.set(runner.blob, runner)
    this.#counters.loads++
    const end = this.#waitForLoad(runner, signal)
    this.#loading.set(
      runner,
      end.then((failure) => failure === undefined),
    )
    const failure = await end
    this.#loading.delete(runner)
    if (failure) {
      this.#runners.delete(runner.blob)
      throw failure
    }
    runner.state = 'ready'
    return this.#leaseOf(runner)
  }

  async #waitForLoad(runner: Runner, signal: AbortSignal): Promise<Refusal | undefined> {
    const { loadDelayMs, loadTimeoutMs } = this.#knobs
    const isEarly = loadDelayMs <= loadTimeoutMs
    const stop = AbortSignal.any([signal, runner.died])
    const program = this.#age === 'llama-server' ? 'llama-server' : 'llama runner'
    const end = await pause(this.#clock, Math.min(loadDelayMs, loadTimeoutMs), stop)
    if (signal.aborted) {
      this.#counters.abortedLoads++
      return cancelled()
    }
    const text = this.#knobs.loadFailures.get(shortName(runner.model.name))
    if (end === 'over' && isEarly && text === undefined) return undefined
    this.#counters.failedLoads++
    if (end === 'aborted') {
      return new Refusal(500, `${program} process has terminated: signal: killed`)
    }
    if (!isEarly) {
      const progress = this.#age === 'llama-server' ? '' : 'progress 0.50 - '
      return new Refusal(500, `timed out waiting for ${program} to start - ${progress}`)
    }
    return new Refusal(500, text ?? '')
  }

  /** It has no time left: it goes now, or when its last use ends. */
  #expireRunner(runner: Runner): void {
    runner.cancelTimer()
    runner.sessionMs = 0
    if (runner.useCount === 0 && runner.state !== 'unloading') void this.#unload(runner)
  }

  async #unload(runner: Runner): Promise<void> {
    runner.state = 'unloading'
    const { signal } = this.#closed
    if ((await pause(this.#clock, this.#knobs.unloadDelayMs, signal)) === 'aborted') return
    runner.crash()
    this.#runners.delete(runner.blob)
    this.#counters.unloads++
    const lagMs = this.#knobs.freedMemoryLagMs
    if (lagMs > 0) {
      this.#laggingBytes += runner.memory.sizeBytes
      this.#clock.setTimer(lagMs, () => void (this.#laggingBytes -= runner.memory.sizeBytes))
      await pause(this.#clock, Math.min(lagMs, RECOVERY_LIMIT_MS), signal)
    }
    for (const done of this.#unloadListeners.splice(0)) done()
  }
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a - b
}

function cancelled(): Refusal {
  return new Refusal(499, 'request canceled')
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
