import { LEAST_GAIN_TOKENS } from '../../restore-gain.ts'

/**
 * What a restore costs beside its bytes: the question to the host, opening the file and looking at its end (measured: 18 ms for a state of
 * 2 MB in all; what the bytes cost comes on top, 14 ms for 46 MB that were verified before).
 */
export const RESTORE_COST_MS = 20
/** Growth that is worth a file while more of it may come, tokens: what would not be looked for is not written either. */
export const LEAST_UNSAVED_TOKENS: number = LEAST_GAIN_TOKENS

/** So many tokens a restore has to spare: those that are read in the time that it takes; 64 at least. */
export function leastGainTokens(tokensPerMs: number | undefined, restoreCostMs: number = RESTORE_COST_MS): number {
  return Math.max(LEAST_GAIN_TOKENS, Math.ceil((tokensPerMs ?? 0) * restoreCostMs))
}

/** How long a file of the engine takes at a speed that any disk has with the kernel's help, ms: for deadlines. */
export function transferMs(bytes: number): number {
  return FIRST_MS + bytes / BYTES_PER_MS
}

/** Before the first byte. */
const FIRST_MS = 50
/** 1 GB/s. */
const BYTES_PER_MS = 1_000_000
