/** Longest a prefill slice should take: what a cancelled request waits for at most. */
export const SLICE_TARGET_MS = 150
/** The first slice, before anything was measured. */
export const FIRST_SLICE_TOKENS = 16
/** A slice of a few tokens costs almost as much as one of many. */
const FEWEST_MEASURED_TOKENS = 16
/** Weight of the newest measurement: a change of speed (another thread count) is followed within a few slices. */
const NEWEST_WEIGHT = 0.5
const SLICE_STEP_TOKENS = 4

/**
 * Sizes prefill slices by measured speed. The target lies under the promised 200 ms because the next slice may be
 * slower than the last: attention costs more the longer the prompt.
 */
export class PrefillPace {
  #tokensPerMs: number | undefined
  #tokens = 0
  #durationMs = 0

  get tokensPerMs(): number | undefined {
    return this.#tokensPerMs
  }

  note(tokens: number, durationMs: number): void {
    if (tokens <= 0 || durationMs <= 0) return
    this.#tokens += tokens
    this.#durationMs += durationMs
    const measured = tokens / durationMs
    const before = this.#tokensPerMs
    this.#tokensPerMs = before === undefined ? measured : before * (1 - NEWEST_WEIGHT) + measured * NEWEST_WEIGHT
  }

  /** Over everything read so far; absent until as much was read as says something about longer texts. */
  get averageTokensPerMs(): number | undefined {
    return this.#tokens < FEWEST_MEASURED_TOKENS ? undefined : this.#tokens / this.#durationMs
  }

  /** Tokens of the next slice: at least 1, at most `batchTokens` and `remainingTokens`. */
  nextSliceTokens(remainingTokens: number, batchTokens: number): number {
    return sliceTokens(this.#tokensPerMs, remainingTokens, batchTokens)
  }
}

/** A multiple of 4 that should take {@link SLICE_TARGET_MS}, within 4 and the batch; never more than remains. */
export function sliceTokens(tokensPerMs: number | undefined, remainingTokens: number, batchTokens: number): number {
  const ideal = tokensPerMs === undefined ? FIRST_SLICE_TOKENS : tokensPerMs * SLICE_TARGET_MS
  const stepped = Math.max(SLICE_STEP_TOKENS, Math.floor(ideal / SLICE_STEP_TOKENS) * SLICE_STEP_TOKENS)
  return Math.max(1, Math.min(stepped, batchTokens, remainingTokens))
}
