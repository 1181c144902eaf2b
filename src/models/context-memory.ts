import type { KvType } from '../spec/model.ts'

/** What a context of a model keeps, by how that grows. Read from a header by `read-context-memory.ts`. */
export interface ContextMemory {
  /** Keys and values of one token, in all blocks that look at the whole window together. */
  readonly wholeElementsPerToken: number
  /** Keys and values of one token, in all blocks that look back `slidingTokens` tokens only. */
  readonly slidingElementsPerToken: number
  readonly slidingTokens: number
  /** Numbers of the recurrent blocks' states, whatever the length of the text. */
  readonly stateElements: number
  /** Numbers that one token of a batch takes at the widest place of the evaluation. */
  readonly rowElements: number
  /** Heads whose scores over the whole window are in memory at once; 0 where flash attention spares them. */
  readonly scoredHeads: number
  /** Values of one token that are turned around for each evaluation (latent attention without flash attention). */
  readonly turnedElementsPerToken: number
  /** Whether what this architecture keeps is known; of another one every block is taken to keep the whole window. */
  readonly isKnown: boolean
}

/** How a context is made. */
export interface ContextShape {
  readonly contextTokens: number
  readonly kvType: KvType
  readonly batchTokens: number
}

/** Bytes of a KV element; quantised ones come in blocks of 32 with a scale of 2 bytes (ggml, `block_q8_0`, `block_q4_0`). */
export const KV_ELEMENT_BYTES: Readonly<Record<KvType, number>> = { f32: 4, f16: 2, q8_0: 34 / 32, q4_0: 18 / 32 }
/** The engine rounds the cells of a cache up to a multiple of this (llama.cpp v0.4.0, `llama_context`, `llama_kv_cache_iswa`). */
const CELL_STEP = 256
const FLOAT_BYTES = 4
/** States of recurrent blocks are 32 bit numbers whatever the type of keys and values (`llama_memory_recurrent`). */
export const STATE_ELEMENT_BYTES = 4

/**
 * Keys, values and states of one context, bytes: exactly what llama.cpp allocates and clears (`llama_kv_cache`,
 * `llama_memory_recurrent`).
 */
export function keptBytes(memory: ContextMemory, { contextTokens, kvType, batchTokens }: ContextShape): number {
  const cells = stepped(contextTokens)
  const sliding = slidingCells(memory, cells, batchTokens)
  const elements = cells * memory.wholeElementsPerToken + sliding * memory.slidingElementsPerToken
  return Math.ceil(elements * KV_ELEMENT_BYTES[kvType]) + memory.stateElements * STATE_ELEMENT_BYTES
}

/**
 * What the evaluation of a whole batch takes beside that when the window is full, bytes. An estimate of llama.cpp's
 * compute buffer without the outputs it reserves for every token of a batch, which are never asked for.
 */
export function scratchBytes(memory: ContextMemory, { contextTokens, kvType, batchTokens }: ContextShape): number {
  const cells = stepped(contextTokens)
  const maskedCells = cells + (memory.slidingElementsPerToken > 0 ? slidingCells(memory, cells, batchTokens) : 0)
  const batch = Math.min(batchTokens, contextTokens)
  const rowBytes = batch * memory.rowElements * FLOAT_BYTES
  if (memory.wholeElementsPerToken + memory.slidingElementsPerToken === 0) return rowBytes
  // A quantised cache is only had with flash attention. Its mask has 16 bits a cell, the other one 32.
  const isFlash = memory.scoredHeads === 0 || kvType === 'q8_0' || kvType === 'q4_0'
  if (isFlash) return rowBytes + batch * maskedCells * 2
  const scores = batch * (maskedCells + cells * memory.scoredHeads) * FLOAT_BYTES
  return rowBytes + scores + cells * memory.turnedElementsPerToken * KV_ELEMENT_BYTES[kvType]
}

/** The largest window whose keys, values and states take at most so many bytes; `Infinity` when they do not grow. */
export function mostTokens(
  memory: ContextMemory,
  shape: Omit<ContextShape, 'contextTokens'>,
  maxBytes: number,
): number {
  const elementBytes = KV_ELEMENT_BYTES[shape.kvType]
  const freeBytes = maxBytes - memory.stateElements * STATE_ELEMENT_BYTES
  const wholeBytes = memory.wholeElementsPerToken * elementBytes
  const slidingBytes = memory.slidingElementsPerToken * elementBytes
  if (slidingBytes === 0) return wholeBytes === 0 ? Infinity : Math.floor(freeBytes / wholeBytes)
  const cells = slidingCells(memory, Infinity, shape.batchTokens)
  const restBytes = freeBytes - cells * slidingBytes
  // A window shorter than what the sliding blocks keep is kept whole by all of them.
  if (restBytes < cells * wholeBytes) return Math.floor(freeBytes / (wholeBytes + slidingBytes))
  return wholeBytes === 0 ? Infinity : Math.floor(restBytes / wholeBytes)
}

/** Cells of blocks that slide: what they look back at and a batch, which the binding makes one longer for them. */
function slidingCells({ slidingTokens }: ContextMemory, cells: number, batchTokens: number): number {
  return stepped(Math.min(cells, slidingTokens + batchTokens + 1))
}

function stepped(tokens: number): number {
  return Math.ceil(tokens / CELL_STEP) * CELL_STEP
}
