/** Tokens generated with one number of threads before another may be tried. */
export const STRETCH_TOKENS = 8
/** After this many stretches the numbers that are not in use are measured again: the machine may be busier by now. */
export const STRETCHES_UNTIL_REMEASURE = 32
/** Weight of the newest measurement. */
const NEWEST_WEIGHT = 0.3

/**
 * Finds by measurement how many threads generate fastest. More are not always better: a token of a small model is
 * thousands of short steps after each of which all threads wait for the slowest (measured with SmolLM2 on two shared
 * cores: 72 tokens/s with one thread, 58 with two, while reading a prompt is 1.9 times as fast with two).
 *
 * Tries its share, half of it, and so on down to 1, a stretch of tokens each; then stays with the fastest and looks at
 * the others again from time to time.
 */
export class DecodeThreads {
  readonly #tokenMs = new Map<number, number>()
  #stretches = 0
  #retry: number[] = []

  /** Threads for the next stretch, 1 to `share`. */
  next(share: number): number {
    const candidates = candidatesOf(share)
    this.#stretches += 1
    if (this.#stretches % STRETCHES_UNTIL_REMEASURE === 0) this.#retry = [...candidates]
    const unknown = candidates.find((threads) => !this.#tokenMs.has(threads))
    if (unknown !== undefined) return unknown
    const retried = this.#retry.shift()
    return retried !== undefined && retried <= share ? retried : this.#fastest(candidates)
  }

  /** What a token took on average over a stretch. */
  note(threads: number, tokenMs: number): void {
    const before = this.#tokenMs.get(threads)
    this.#tokenMs.set(threads, before === undefined ? tokenMs : before * (1 - NEWEST_WEIGHT) + tokenMs * NEWEST_WEIGHT)
  }

  #fastest(candidates: readonly number[]): number {
    const speedOf = (threads: number): number => this.#tokenMs.get(threads) ?? Infinity
    return candidates.reduce((best, threads) => (speedOf(threads) < speedOf(best) ? threads : best))
  }
}

/** The share, its half, … and 1. */
function candidatesOf(share: number): [number, ...number[]] {
  const candidates: [number, ...number[]] = [Math.max(1, share)]
  for (let threads = Math.floor(share / 2); threads >= 1; threads = Math.floor(threads / 2)) candidates.push(threads)
  return candidates
}
