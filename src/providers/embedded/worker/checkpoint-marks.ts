/** Points of a prompt, in tokens from its beginning. */
export interface PromptPoints {
  /** Where it parts from what was held before; the same as {@link reusedTokens} when that could be gone back to. */
  readonly commonTokens: number
  readonly reusedTokens: number
  /** The end of its last message, before what asks for an answer. Absent for text that is only continued. */
  readonly historyTokens?: number | undefined
  /** All but its last token. */
  readonly endTokens: number
}

/**
 * Where to keep a checkpoint while a prompt is read, ascending. By worth, of which as many are taken as there may be:
 *
 * 1. the end of the last message: the next turn begins like this whatever its template makes of the answer and of the
 *    words that asked for it (open reasoning, reasoning left out of history, a call written in another way)
 * 2. where the prompt parted from the last one, if that could not be gone back to: what parted there once (a system
 *    message, a conversation in branches) parts there again
 * 3. the end: the same prompt once more
 *
 * The end of an answer needs none: a prompt that holds it as it was said goes on from there.
 */
export function checkpointMarks(points: PromptPoints, mostCheckpoints: number): readonly number[] {
  const { commonTokens, reusedTokens, historyTokens, endTokens } = points
  const byWorth = [historyTokens ?? endTokens, commonTokens, endTokens]
    .map((tokens) => Math.min(tokens, endTokens))
    .filter((tokens) => tokens > reusedTokens)
  return [...new Set(byWorth)].slice(0, mostCheckpoints).sort((a, b) => a - b)
}
