/**
 * What a restore costs beside its bytes: the question to the host, the file's verification, the load (measured with SmolLM2 at
 * 2,000 tokens, 46 MB: 14 to 72 ms).
 */
export const RESTORE_COST_MS = 50
/** Fewer tokens are not looked for, however slowly they are read: a search for each short prompt would be one for nothing. */
export const LEAST_GAIN_TOKENS = 64
/** Growth that is worth a file while more of it may come, tokens: what would not be looked for is not written either. */
export const LEAST_UNSAVED_TOKENS = 64

/** So many tokens a restore has to spare: those that are read in the time that it takes; 64 at least. */
export function leastGainTokens(tokensPerMs: number | undefined, restoreCostMs: number = RESTORE_COST_MS): number {
  return Math.max(LEAST_GAIN_TOKENS, Math.ceil((tokensPerMs ?? 0) * restoreCostMs))
}

/** How long a file of the engine takes at a speed that any disk has with the kernel's help, ms: for deadlines. */
export function transferMs(bytes: number): number {
  return RESTORE_COST_MS + bytes / BYTES_PER_MS
}

/** 1 GB/s. */
const BYTES_PER_MS = 1_000_000
