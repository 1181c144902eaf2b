import { LEAST_GAIN_TOKENS } from './restore-gain.ts'

/** What takes so long to be read again is saved as soon as an answer is whole; less waits for a quiet moment, ms. */
const MOST_UNSAVED_MS = 2_000

/**
 * Has a slot grown by so much that it is saved now, though the next request may have to wait for it? An agent at work leaves no quiet
 * moment for an hour; without this a `kill -9` would cost all that it had read.
 *
 * @param tokensPerMs the speed at which the engine was measured to read; absent = not yet.
 */
export function isDue(unsavedTokens: number, tokensPerMs: number | undefined): boolean {
  if (tokensPerMs === undefined || unsavedTokens < LEAST_GAIN_TOKENS) return false
  return unsavedTokens / tokensPerMs >= MOST_UNSAVED_MS
}
