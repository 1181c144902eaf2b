import type { Clock } from '../spec/clock.ts'

/**
 * What took 1 ms to read is not read again for this many: it stays below 1 % of a core, whatever it is made of. Files of
 * the kernel (0.1 ms) are read every time, a program that takes 50 ms every 5 s.
 */
const REST_FACTOR = 100

export interface PacedReadingOptions<Value> {
  readonly clock: Clock
  readonly read: () => Promise<Value>
  /** Rest after this value, at least, ms. Default 0. */
  readonly leastRestMs?: (value: Value) => number
}

/** Something that is dear to read: read at the pace that its own cost allows, one reading at a time. */
export class PacedReading<Value> {
  readonly #options: PacedReadingOptions<Value>
  #underWay: Promise<Value> | undefined
  #last: { readonly value: Value; readonly dueAtMs: number } | undefined

  constructor(options: PacedReadingOptions<Value>) {
    this.#options = options
  }

  get isDue(): boolean {
    return this.#last === undefined || this.#options.clock.nowMs() >= this.#last.dueAtMs
  }

  /** The last value, `undefined` before the first; the next reading begins in the background when it is due. */
  latest(): Value | undefined {
    if (this.isDue) this.#begin().catch(() => undefined)
    return this.#last?.value
  }

  /** The same, but the first one is waited for. */
  async known(): Promise<Value> {
    if (this.#last === undefined) return this.#begin()
    this.latest()
    return this.#last.value
  }

  /** A reading that begins after this call, due or not. */
  async fresh(): Promise<Value> {
    await this.#underWay?.catch(() => undefined)
    return this.#begin()
  }

  #begin(): Promise<Value> {
    this.#underWay ??= this.#read()
      .catch((error: unknown) => {
        // An old value must not pass for a new one for ever: the next who asks waits, and hears of it.
        this.#last = undefined
        throw error
      })
      .finally(() => (this.#underWay = undefined))
    return this.#underWay
  }

  async #read(): Promise<Value> {
    const { clock, read, leastRestMs } = this.#options
    const startedAtMs = clock.nowMs()
    const value = await read()
    const nowMs = clock.nowMs()
    const restMs = Math.max((nowMs - startedAtMs) * REST_FACTOR, leastRestMs?.(value) ?? 0)
    this.#last = { value, dueAtMs: nowMs + restMs }
    return value
  }
}
