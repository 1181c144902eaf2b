import { expect, test } from 'vitest'
import { estimateFootprint } from './footprint-estimate.ts'
import type { GgufMetadata } from './gguf-metadata.ts'

const metadata: GgufMetadata = {
  architecture: 'llama',
  name: 'm',
  trainContextTokens: 8_192,
  blockCount: 30,
  contextMemory: {
    wholeElementsPerToken: 11_520,
    slidingElementsPerToken: 0,
    slidingTokens: 0,
    stateElements: 0,
    rowElements: 7_488,
    scoredHeads: 0,
    turnedElementsPerToken: 0,
    isKnown: true,
  },
  vocabularySize: 49_152,
  tokenizerStrings: 98_052,
  longestTokenBytes: 100,
  wordsPerToken: 1,
  parameterCount: 134_515_008,
  quantization: 'Q4_1',
  chatTemplate: null,
  capabilities: ['completion'],
  tensorCount: 273,
  tensorBytes: 96_583_680,
  layers: { blockBytes: [], outputBytes: 0, isOutputCopied: true },
  embeddingLength: 576,
  dataEndBytes: 98_362_432,
}

function estimate(contextTokens: number, parallel = 1): ReturnType<typeof estimateFootprint> {
  return estimateFootprint(metadata, { contextTokens, parallel, kvType: 'f16', batchTokens: 128 })
}

test('weights are the tensors, and it says that it is an estimate', () => {
  expect(estimate(2_048)).toMatchObject({ weightsBytes: 96_583_680, source: 'estimated' })
})

test('the context grows with the window by its keys and values and by the mask, in steps of 256 tokens', () => {
  const perToken = 11_520 * 2 + 128 * 2
  expect(estimate(4_096).contextBytes - estimate(2_048).contextBytes).toBe(2_048 * perToken)
  expect(estimate(2_049).contextBytes - estimate(2_048).contextBytes).toBe(256 * perToken)
})

test('each request served at once has a context of its own', () => {
  expect(estimate(2_048, 3).contextBytes).toBe(3 * estimate(2_048).contextBytes)
})
