import type { Clock, Timer } from '../../spec/clock.ts'
import { commonLength } from '../../spec/common-length.ts'
import { expiryMs } from './keep-alive.ts'
import type { LoadSignature } from './load-options.ts'
import type { FakeModel } from './models.ts'
import { Refusal } from './refusal.ts'

/** Where a runner is in its life; a crashed one stays listed until someone asks for it. */
export type RunnerState = 'loading' | 'ready' | 'unloading'

/** What a model takes, as `/api/ps` tells it. */
export interface RunnerMemory {
  readonly sizeBytes: number
  readonly sizeVramBytes: number
}

/** One slot of a runner and the tokens that its KV cache holds. */
export interface Slot {
  tokens: readonly string[]
}

/** Weights in memory: how they were loaded, who uses them, and for how long they stay. */
export class Runner {
  /** The name that it was loaded by, which `/api/ps` keeps telling whoever else uses the same weights. */
  readonly model: FakeModel
  readonly blob: string
  readonly signature: LoadSignature
  readonly memory: RunnerMemory
  /** Stands for the id of its process. */
  readonly pid: number
  state: RunnerState = 'loading'
  useCount = 0
  sessionMs: number
  /** Set for the first time when it falls idle, and not moved while it is used. */
  expiresAtMs: number | undefined
  readonly #clock: Clock
  readonly #died = new AbortController()
  readonly #freeSlots: Slot[]
  readonly #waiting: ((slot: Slot) => void)[] = []
  #timer: Timer | undefined

  constructor(
    model: FakeModel,
    blob: string,
    signature: LoadSignature,
    settings: { clock: Clock; memory: RunnerMemory; sessionMs: number; slotCount: number; pid: number },
  ) {
    this.model = model
    this.blob = blob
    this.signature = signature
    this.memory = settings.memory
    this.pid = settings.pid
    this.sessionMs = settings.sessionMs
    this.#clock = settings.clock
    this.#freeSlots = Array.from({ length: settings.slotCount }, () => ({ tokens: [] }))
  }

  /** Given when its process has died, by itself or because the server ended. */
  get died(): AbortSignal {
    return this.#died.signal
  }

  /** Its process ends now: answers under way fail, and nobody is told before they ask. */
  crash(): void {
    this.#died.abort()
  }

  /** What `/api/ps` says of its end: reckoned anew on each look until it was idle once. */
  shownExpiryMs(): number {
    return this.expiresAtMs ?? expiryMs(this.#clock.nowMs(), this.sessionMs)
  }

  /** One more uses it; a session that is given takes the place of its own. */
  use(sessionMs: number | undefined): void {
    this.useCount++
    this.cancelTimer()
    if (sessionMs !== undefined) this.sessionMs = sessionMs
  }

  /** It is idle: counts its session down from now, however long that is, and then calls `expire`. */
  startSession(expire: () => void): void {
    const endsAtMs = this.#clock.nowMs() + this.sessionMs
    this.expiresAtMs = expiryMs(this.#clock.nowMs(), this.sessionMs)
    if (this.sessionMs === Infinity) return
    // A timer may end early: none is longer than 2^31 − 1 ms.
    const wait = (): void => {
      this.#timer = this.#clock.setTimer(endsAtMs - this.#clock.nowMs(), () =>
        this.#clock.nowMs() < endsAtMs ? wait() : expire(),
      )
    }
    wait()
  }

  cancelTimer(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /**
   * Waits for a slot, in order of arrival and without a limit; of the free ones, the one that holds most of the
   * prompt's beginning. Throws when the runner dies or the request is given up meanwhile.
   */
  async takeSlot(prompt: readonly string[], signal: AbortSignal, crashText: string): Promise<Slot> {
    if (this.died.aborted) throw new Refusal(500, crashText)
    const best = this.#freeSlots.toSorted((a, b) => commonLength(b.tokens, prompt) - commonLength(a.tokens, prompt))[0]
    if (best) {
      this.#freeSlots.splice(this.#freeSlots.indexOf(best), 1)
      return best
    }
    return new Promise((resolve, reject) => {
      const leave = (error: Refusal) => (): void => {
        const place = this.#waiting.indexOf(take)
        if (place < 0) return
        this.#waiting.splice(place, 1)
        reject(error)
      }
      const take = (slot: Slot): void => resolve(slot)
      this.#waiting.push(take)
      signal.addEventListener('abort', leave(new Refusal(499, 'request canceled')), { once: true })
      this.died.addEventListener('abort', leave(new Refusal(500, crashText)), { once: true })
    })
  }

  giveSlot(slot: Slot): void {
    const next = this.#waiting.shift()
    if (next) next(slot)
    else this.#freeSlots.push(slot)
  }
}
