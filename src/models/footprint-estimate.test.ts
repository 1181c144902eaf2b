import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { KvType } from '../spec/model.ts'
import { estimateFootprint } from './footprint-estimate.ts'
import type { GgufMetadata } from './gguf-metadata.ts'

const metadata: GgufMetadata = {
  architecture: 'llama',
  name: 'm',
  trainContextTokens: 8_192,
  blockCount: 30,
  kvElementsPerToken: 11_520,
  vocabularySize: 49_152,
  tokenizerStrings: 98_052,
  longestTokenBytes: 100,
  parameterCount: 134_515_008,
  quantization: 'Q4_1',
  chatTemplate: null,
  capabilities: ['completion'],
  tensorBytes: 96_583_680,
  dataEndBytes: 98_362_432,
}

function estimate(contextTokens: number, parallel = 1, kvType: KvType = 'f16'): ReturnType<typeof estimateFootprint> {
  return estimateFootprint(metadata, { contextTokens, parallel, kvType, batchTokens: 128 })
}

test('weights are the tensors, and it says that it is an estimate', () => {
  expect(estimate(2_048)).toMatchObject({ weightsBytes: 96_583_680, source: 'estimated' })
})

test('the KV cache grows with the window, two bytes an element, in steps of 256 tokens', () => {
  const perToken = 11_520 * 2
  expect(estimate(4_096).contextBytes - estimate(2_048).contextBytes).toBe(2_048 * perToken)
  expect(estimate(2_049).contextBytes - estimate(2_048).contextBytes).toBe(256 * perToken)
})

test('a quantised KV cache takes its blocks of 32 elements and their scales', () => {
  const growth = (kvType: KvType): number =>
    estimate(4_096, 1, kvType).contextBytes - estimate(2_048, 1, kvType).contextBytes
  expect(growth('f32')).toBe(2 * growth('f16'))
  expect(growth('q8_0')).toBe((2_048 * 11_520 * 34) / 32)
  expect(growth('q4_0')).toBe((2_048 * 11_520 * 18) / 32)
})

test('each request served at once has a context of its own', () => {
  expect(estimate(2_048, 3).contextBytes).toBe(3 * estimate(2_048).contextBytes)
})

test('more window never takes less', () => {
  fc.assert(
    fc.property(fc.integer({ min: 256, max: 1e6 }), fc.integer({ min: 0, max: 1e6 }), (tokens, more) => {
      expect(estimate(tokens + more).contextBytes).toBeGreaterThanOrEqual(estimate(tokens).contextBytes)
    }),
  )
})
