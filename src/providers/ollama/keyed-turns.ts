import { orGivenUp } from '../giving-up.ts'

/** One piece of work at a time for each key, in order of arrival. */
export class KeyedTurns {
  readonly #last = new Map<string, Promise<unknown>>()

  /**
   * Runs the work when it is its turn. Whoever gives up before is told `request-cancelled` at once; work that has begun
   * hears of it by its own signal.
   */
  async run<Result>(key: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(key)
    const { promise: over, resolve: end } = Promise.withResolvers<void>()
    const mine = (before ?? Promise.resolve()).then(() => over)
    this.#last.set(key, mine)
    const forget = (): boolean => this.#last.get(key) === mine && this.#last.delete(key)
    void mine.then(forget)
    try {
      if (before) await orGivenUp(before, signal)
      return await work()
    } finally {
      end()
    }
  }

  /** Resolves when no work is under way that has begun or waits now. */
  async settled(): Promise<void> {
    await Promise.all(this.#last.values())
  }
}
