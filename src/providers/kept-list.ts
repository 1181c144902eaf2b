import type { Clock } from '../spec/clock.ts'

/** How long a list is good for: one request looks for its model several times. */
const GOOD_FOR_MS = 2_000
/**
 * A failure is believed for so many times the time that it took, up to the limit: asking in vain then costs about a tenth
 * of the time, and one that came at once, because nobody listens yet, is soon asked about again.
 */
const BELIEVED_TIMES = 10
const LONGEST_BELIEVED_MS = 10_000
/** How long anyone waits for an engine that has just failed and is not known to run. Who answers at all answers sooner. */
const PATIENCE_MS = 100

/** What asking for a list came to. */
export interface ListAnswer<Row> {
  /** After a failure: what is to be believed meanwhile. */
  readonly rows: readonly Row[]
  readonly hasFailed: boolean
}

export interface KeptListOptions<Row> {
  readonly clock: Clock
  /** Somebody has configured the engine, so that it is worth waiting for. */
  readonly isExpected: boolean
  /** Has a deadline of its own. */
  readonly ask: () => Promise<ListAnswer<Row>>
}

/**
 * What an engine that runs apart lists, asked for by one question at a time. The age of an answer counts from when it came:
 * one that took long would else be old on arrival, and a silent engine would be waited for by everyone, always.
 *
 * - A list is good for 2 s.
 * - A failure is believed for 2 to 10 s, by what it cost. The next question is then waited for where the engine is expected;
 *   elsewhere for 100 ms, after which the failure is believed on while the question runs its course behind.
 */
export class KeptList<Row> {
  readonly #options: KeptListOptions<Row>
  #known: (ListAnswer<Row> & { readonly untilMs: number }) | undefined
  #asking: Promise<readonly Row[]> | undefined

  constructor(options: KeptListOptions<Row>) {
    this.#options = options
  }

  /** Rejects with what {@link KeptListOptions.ask} rejects with; such an answer is not kept. */
  async rows(): Promise<readonly Row[]> {
    const { clock } = this.#options
    if (this.#known && clock.nowMs() < this.#known.untilMs) return this.#known.rows
    this.#asking ??= this.#begin()
    return this.#asking
  }

  #begin(): Promise<readonly Row[]> {
    const { clock, isExpected } = this.#options
    const known = this.#known
    const answer = this.#ask().finally(() => (this.#asking = undefined))
    if (isExpected || !known?.hasFailed) return answer
    const believed = new Promise<readonly Row[]>((resolve) => clock.setTimer(PATIENCE_MS, () => resolve(known.rows)))
    return Promise.race([answer, believed])
  }

  async #ask(): Promise<readonly Row[]> {
    const { clock, ask } = this.#options
    const askedAtMs = clock.nowMs()
    const answer = await ask()
    const nowMs = clock.nowMs()
    const believedForMs = Math.min(LONGEST_BELIEVED_MS, BELIEVED_TIMES * (nowMs - askedAtMs))
    const keptForMs = answer.hasFailed ? Math.max(GOOD_FOR_MS, believedForMs) : GOOD_FOR_MS
    this.#known = { ...answer, untilMs: nowMs + keptForMs }
    return answer.rows
  }
}
