import type { FootprintEstimate, Platform } from '../spec/model.ts'
import type { OfferedModel } from '../spec/offered-model.ts'
import { type ContextMemory, keptBytes, scratchBytes } from './context-memory.ts'
import { estimateFootprint, type LoadShape } from './footprint-estimate.ts'
import type { GgufMetadata } from './gguf-metadata.ts'
import { graphBytes } from './graph-memory.ts'
import { HeaderValues } from './header-values.ts'
import { readContextMemory } from './read-context-memory.ts'

/** Tokens that engines outside of grym evaluate at once, where nobody says otherwise (llama-server `-ub`, Ollama `num_batch`). */
export const OFFERED_BATCH_TOKENS = 512

/**
 * An engine process without a model and beside the graph, bytes. From the PSS of runners with SmolLM2 and windows of 2,048
 * to 8,192 tokens, less weights, KV cache and a batch: Ollama 0.17.4's own runner 34 MB, llama-server 22 MB. Of LM
 * Studio's engine nothing was measured; it is a llama.cpp, too.
 */
const PROCESS_BYTES: Readonly<Record<Exclude<Platform, 'local'>, number>> = {
  ollama: 34_000_000,
  server: 22_000_000,
  lmstudio: 22_000_000,
}

/**
 * Where nothing is known of a model but its size: a context of 8,192 tokens taken as a quarter of the weights, between the
 * fifth of a model with grouped queries (Llama 3 8B, Q4) and the whole of one without (Llama 7B, Q4).
 */
const UNKNOWN_CONTEXT_RATIO = 0.25
const UNKNOWN_CONTEXT_TOKENS = 8_192

export function offeredProcessBytes(platform: OfferedModel['platform']): number {
  return PROCESS_BYTES[platform]
}

/** What a context of an offered model keeps; `undefined` = its engine shows no header. */
export function offeredContextMemory({ header, architecture }: OfferedModel): ContextMemory | undefined {
  if (!header || architecture === null) return undefined
  const values = new HeaderValues(header, architecture)
  const blockCount = values.number('block_count')
  return blockCount === undefined ? undefined : readContextMemory(architecture, values, blockCount)
}

/**
 * What a model will take in its engine, with its window full.
 * @param file what the header of its file says, where that can be read here.
 */
export function offeredEstimate(
  model: OfferedModel,
  shape: LoadShape,
  file: GgufMetadata | undefined,
): FootprintEstimate {
  if (model.isElsewhere) return { weightsBytes: 0, contextBytes: 0, processBytes: 0, source: 'configured' }
  if (file) return { ...estimateFootprint(file, shape), processBytes: PROCESS_BYTES[model.platform] }
  const weightsBytes = model.sizeBytes ?? 0
  return {
    weightsBytes,
    contextBytes: Math.ceil(shape.parallel * contextBytes(model, weightsBytes, shape)),
    processBytes: PROCESS_BYTES[model.platform],
    source: 'estimated',
  }
}

function contextBytes(model: OfferedModel, weightsBytes: number, shape: LoadShape): number {
  const memory = offeredContextMemory(model)
  if (!memory) return (weightsBytes * UNKNOWN_CONTEXT_RATIO * shape.contextTokens) / UNKNOWN_CONTEXT_TOKENS
  const graph = graphBytes({ architecture: model.architecture ?? '', tensorCount: 0 }, shape.batchTokens)
  return keptBytes(memory, shape) + scratchBytes(memory, shape) + graph
}
