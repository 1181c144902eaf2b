import type { RestoreGain } from '../spec/restored-state.ts'

/** Fewer tokens are neither looked for nor written on the way, however slowly they are read: a search for each short prompt would be one for nothing. */
export const LEAST_GAIN_TOKENS = 64

/** What a restore was good for. @param tokensPerMs the speed at which the engine was measured to read; absent = not yet. */
export function restoreGain(tokens: number, restoreMs: number, tokensPerMs: number | undefined): RestoreGain {
  const savedMs = tokensPerMs === undefined ? null : Math.max(0, tokens / tokensPerMs - restoreMs)
  return { tokens, restoreMs, savedMs }
}
