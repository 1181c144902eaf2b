import type { FootprintEstimate } from '../spec/model.ts'
import { checkpointBytes, mostCheckpoints } from './checkpoint-memory.ts'
import { type ContextShape, keptBytes, scratchBytes } from './context-memory.ts'
import type { GgufMetadata } from './gguf-metadata.ts'
import { graphBytes } from './graph-memory.ts'

/** How a model's contexts are made, and how many of them. */
export interface LoadShape extends ContextShape {
  readonly parallel: number
}

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
/** An output of 4 bytes and a candidate of 12 (llama.cpp `llama_token_data`) for each token of the vocabulary. */
const CHOICE_BYTES = 16

/**
 * What a model will take, before it is loaded and with its window full:
 *
 * - weights: the tensors, mapped from the file and all of them touched by the first answer
 * - context: keys, values and states (llama.cpp allocates and clears them whole), the checkpoints of them, the graph, and
 *   what a batch takes meanwhile
 * - process: the engine, and the tokenizer's strings
 */
export function estimateFootprint(metadata: GgufMetadata, shape: LoadShape): FootprintEstimate {
  const { contextMemory, vocabularySize, tensorBytes, tokenizerStrings } = metadata
  const sideBytes = graphBytes(metadata, shape.batchTokens) + vocabularySize * CHOICE_BYTES
  const checkpointsBytes = mostCheckpoints(contextMemory, shape) * checkpointBytes(contextMemory, shape)
  const contextBytes =
    keptBytes(contextMemory, shape) + checkpointsBytes + scratchBytes(contextMemory, shape) + sideBytes
  return {
    weightsBytes: tensorBytes,
    contextBytes: shape.parallel * contextBytes,
    processBytes: PROCESS_BYTES + tokenizerStrings * TOKENIZER_STRING_BYTES,
    source: 'estimated',
  }
}

/** A person's word on the whole; what is known of its parts stays known. */
export function configuredEstimate(estimate: FootprintEstimate, sizeBytes: number): FootprintEstimate {
  const weightsBytes = Math.min(estimate.weightsBytes, sizeBytes)
  const contextBytes = Math.min(estimate.contextBytes, sizeBytes - weightsBytes)
  return { weightsBytes, contextBytes, processBytes: sizeBytes - weightsBytes - contextBytes, source: 'configured' }
}
