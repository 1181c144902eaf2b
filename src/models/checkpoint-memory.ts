import { type ContextMemory, type ContextShape, KV_ELEMENT_BYTES, STATE_ELEMENT_BYTES } from './context-memory.ts'

/** Checkpoints of one context at most: the last few turns, and where conversations part. */
const MOST_CHECKPOINTS = 8
/** Memory of all checkpoints of one context at most, unless a single one is larger. */
const CHECKPOINTS_LIMIT_BYTES = 64 * 1024 * 1024
/** Written with each token of a block that slides: its position, how many sequences it is of, and which (32 bit each). */
const CELL_HEADER_BYTES = 12

/**
 * One checkpoint of a full window, bytes: the states of the recurrent blocks, and what sliding blocks look back at. Nothing
 * of the other blocks, which can be cut (llama.cpp v0.4.0, `llama_state_seq_get_data_ext` with
 * `LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY`; `llama_kv_cache::state_write` leaves out what no token looks at any more). Without
 * some dozen bytes that say what follows. 0 where everything can be cut.
 */
export function checkpointBytes(memory: ContextMemory, shape: ContextShape): number {
  const { slidingElementsPerToken, slidingTokens, stateElements } = memory
  const tokenBytes =
    slidingElementsPerToken === 0
      ? 0
      : Math.ceil(slidingElementsPerToken * KV_ELEMENT_BYTES[shape.kvType]) + CELL_HEADER_BYTES
  return Math.min(shape.contextTokens, slidingTokens) * tokenBytes + stateElements * STATE_ELEMENT_BYTES
}

/**
 * How many checkpoints a context may keep: as many as there is room for, and one at least. 0 where none is needed, and
 * where what the architecture keeps is not known, since their memory could not be reckoned then: such a model reads a
 * prompt anew whenever it does not simply go on.
 */
export function mostCheckpoints(memory: ContextMemory, shape: ContextShape): number {
  const bytes = checkpointBytes(memory, shape)
  if (bytes === 0 || !memory.isKnown) return 0
  return Math.max(1, Math.min(MOST_CHECKPOINTS, Math.floor(CHECKPOINTS_LIMIT_BYTES / bytes)))
}
