import type { GpuLayer, GpuNeed } from '../spec/gpu-placement.ts'
import { keptBytes, scratchBytes } from './context-memory.ts'
import type { LoadShape } from './footprint-estimate.ts'
import type { GgufMetadata } from './gguf-metadata.ts'

const FLOAT_BYTES = 4

/**
 * What a model takes of GPUs by layers, before it is placed.
 *
 * What its contexts keep is taken to be the same in every block; in a model whose blocks keep windows of different
 * lengths a part of the layers takes somewhat more or less than is said here, all of them what is said.
 *
 * The scratch is llama.cpp's compute buffer on one GPU (`ggml_backend_sched_reserve`): outputs for every token of a
 * batch, which are reserved there whether they are asked for or not, or the widest place of the evaluation.
 */
export function gpuNeed(metadata: GgufMetadata, shape: LoadShape, mostLayers: number): GpuNeed {
  const { contextMemory, layers, vocabularySize, embeddingLength, blockCount } = metadata
  const { parallel, contextTokens, batchTokens } = shape
  const contextBytes = blockCount === 0 ? 0 : Math.ceil((parallel * keptBytes(contextMemory, shape)) / blockCount)
  const block = (weightsBytes: number): GpuLayer => ({ weightsBytes, contextBytes, isCopy: false })
  const output = { weightsBytes: layers.outputBytes, contextBytes: 0, isCopy: layers.isOutputCopied }
  const batch = Math.min(batchTokens, contextTokens)
  const outputsBytes = batch * (vocabularySize + embeddingLength) * FLOAT_BYTES
  return {
    layers: [output, ...layers.blockBytes.map(block).toReversed()],
    mostLayers,
    scratchBytes: parallel * Math.max(outputsBytes, scratchBytes(contextMemory, shape)),
  }
}
