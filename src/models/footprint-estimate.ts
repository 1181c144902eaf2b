import type { FootprintEstimate, KvType } from '../spec/model.ts'
import type { GgufMetadata } from './gguf-metadata.ts'

export interface ContextShape {
  readonly contextTokens: number
  readonly parallel: number
  readonly kvType: KvType
  readonly batchTokens: number
}

/** Bytes of a KV element; quantised ones come in blocks of 32 with a scale of 2 bytes (ggml, `block_q8_0`, `block_q4_0`). */
const KV_ELEMENT_BYTES: Readonly<Record<KvType, number>> = { f32: 4, f16: 2, q8_0: 34 / 32, q4_0: 18 / 32 }
/** The engine rounds a context up to a multiple of this (node-llama-cpp 3.21.1). */
const CONTEXT_STEP_TOKENS = 256

/**
 * The engine process without a model: Node, the engine's library and its own share of pages that several Node
 * processes have in common. Measured (PSS, Node 24.21, node-llama-cpp 3.21.1, Linux x64): 96 MB alone, 61 to 74 MB
 * beside a daemon, other workers and other Node programs, which share Node's own pages.
 */
const PROCESS_BYTES = 68_000_000
/**
 * Memory a string of the tokenizer takes in the worker: once in llama.cpp's vocabulary, once in the binding's copy of
 * the header. Measured: 70 to 75 MB for the 98,052 strings of SmolLM2, 0 for a vocabulary of 354.
 */
const TOKENIZER_STRING_BYTES = 745
/** Scratch of one context beyond the KV cache, a batch of 128 in use. Measured: 7 MB for SmolLM2. */
const SCRATCH_BYTES = 7_000_000

/**
 * What a model will take, before it is loaded:
 *
 * - weights: the tensors, mapped from the file and all of them touched by the first answer
 * - context: KV cache `⌈context⌉ · kvElementsPerToken · element` (llama.cpp allocates and clears it whole), and scratch
 * - process: the engine, and the tokenizer's strings
 */
export function estimateFootprint(metadata: GgufMetadata, shape: ContextShape): FootprintEstimate {
  const stepped = Math.ceil(shape.contextTokens / CONTEXT_STEP_TOKENS) * CONTEXT_STEP_TOKENS
  const kvBytes = Math.ceil(stepped * kvTokenBytes(metadata, shape.kvType))
  return {
    weightsBytes: metadata.tensorBytes,
    contextBytes: shape.parallel * (kvBytes + SCRATCH_BYTES),
    processBytes: PROCESS_BYTES + metadata.tokenizerStrings * TOKENIZER_STRING_BYTES,
    source: 'estimated',
  }
}

/** KV cache of one token, bytes. */
export function kvTokenBytes({ kvElementsPerToken }: Pick<GgufMetadata, 'kvElementsPerToken'>, kvType: KvType): number {
  return kvElementsPerToken * KV_ELEMENT_BYTES[kvType]
}
