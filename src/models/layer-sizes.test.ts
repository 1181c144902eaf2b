import { expect, test } from 'vitest'
import { gpuNeed } from './gpu-need.ts'
import { layerSizes } from './layer-sizes.ts'
import type { GgufMetadata } from './gguf-metadata.ts'

const TENSORS = [
  { name: 'token_embd.weight', bytes: 1_000 },
  { name: 'blk.1.attn_q.weight', bytes: 20 },
  { name: 'blk.0.attn_q.weight', bytes: 10 },
  { name: 'blk.1.ffn_up.weight', bytes: 200 },
  { name: 'output_norm.weight', bytes: 3 },
]

test('blocks by number; the input belongs to none, and is copied where the model has no output of its own', () => {
  expect(layerSizes(TENSORS, 2)).toEqual({ blockBytes: [10, 220], outputBytes: 1_003, isOutputCopied: true })
  expect(layerSizes([...TENSORS, { name: 'output.weight', bytes: 500 }], 2)).toEqual({
    blockBytes: [10, 220],
    outputBytes: 503,
    isOutputCopied: false,
  })
})

test('layers go onto a GPU from the output to the first block, with their part of what all contexts keep', () => {
  const metadata = {
    blockCount: 2,
    vocabularySize: 1_000,
    embeddingLength: 64,
    layers: layerSizes(TENSORS, 2),
    contextMemory: {
      wholeElementsPerToken: 256,
      slidingElementsPerToken: 0,
      slidingTokens: 0,
      stateElements: 0,
      rowElements: 100,
      scoredHeads: 0,
      turnedElementsPerToken: 0,
      isKnown: true,
    },
  } as unknown as GgufMetadata
  const need = gpuNeed(metadata, { contextTokens: 512, kvType: 'f16', batchTokens: 128, parallel: 2 }, 7)
  const contextBytes = (2 * 512 * 256 * 2) / 2
  expect(need).toEqual({
    layers: [
      { weightsBytes: 1_003, contextBytes: 0, isCopy: true },
      { weightsBytes: 220, contextBytes, isCopy: false },
      { weightsBytes: 10, contextBytes, isCopy: false },
    ],
    mostLayers: 7,
    // Outputs of a batch and its last vectors, for each of two contexts.
    scratchBytes: 2 * 128 * (1_000 + 64) * 4,
  })
})
