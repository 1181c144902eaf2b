import { describe, expect, test } from 'vitest'
import { readListing, widestInstance } from './listing.ts'

/** As LM Studio's documentation prints it, shortened (lmstudio-ai/docs, 2026-04-29). */
const V1 = {
  models: [
    {
      type: 'llm',
      publisher: 'google',
      key: 'google/gemma-4-26b-a4b',
      architecture: 'gemma4',
      quantization: { name: 'Q4_K_M', bits_per_weight: 4 },
      size_bytes: 17_990_911_801,
      params_string: '26B-A4B',
      loaded_instances: [
        { id: 'google/gemma-4-26b-a4b', config: { context_length: 4096, parallel: 4, flash_attention: true } },
        { id: 'google/gemma-4-26b-a4b:2', config: { context_length: 8192 } },
      ],
      max_context_length: 262_144,
      capabilities: { vision: true, trained_for_tool_use: true, reasoning: { default: 'on' } },
    },
    { type: 'embedding', key: 'nomic', size_bytes: 274_290_560, params_string: null, loaded_instances: [] },
  ],
}

describe('a list of 0.4 and later', () => {
  test('is read whole', () => {
    const [gemma, nomic] = readListing('v1', V1) ?? []
    expect(gemma).toEqual({
      key: 'google/gemma-4-26b-a4b',
      onlyEmbeds: false,
      capabilities: ['completion', 'vision', 'tools', 'thinking'],
      architecture: 'gemma4',
      quantization: 'Q4_K_M',
      sizeBytes: 17_990_911_801,
      parameterCount: 26e9,
      trainContextTokens: 262_144,
      instances: [
        { id: 'google/gemma-4-26b-a4b', contextTokens: 4096, parallel: 4 },
        { id: 'google/gemma-4-26b-a4b:2', contextTokens: 8192, parallel: null },
      ],
    })
    expect(nomic).toMatchObject({ onlyEmbeds: true, capabilities: ['embedding'], parameterCount: null, instances: [] })
  })

  test('with what is not told, and with more than is known, is read all the same', () => {
    const rows = [{ key: 'bare', loaded_instances: [{ id: 'bare' }, {}], news: 1 }, { type: 'llm' }, null]
    expect(readListing('v1', { models: rows, more: true })).toEqual([
      {
        key: 'bare',
        onlyEmbeds: false,
        capabilities: ['completion'],
        architecture: null,
        quantization: null,
        sizeBytes: null,
        parameterCount: null,
        trainContextTokens: null,
        instances: [{ id: 'bare', contextTokens: null, parallel: null }],
      },
    ])
  })
})

test('a list of 0.3 tells what is loaded, and with which window', () => {
  const data = [
    { id: 'a', type: 'vlm', arch: 'x', quantization: 'Q8_0', state: 'loaded', loaded_context_length: 512 },
    { id: 'b', type: 'embeddings', state: 'not-loaded', max_context_length: 2048 },
    { id: 'c', type: 'llm', state: 'not-loaded', capabilities: ['tool_use'] },
  ]
  expect(readListing('v0', { object: 'list', data })).toMatchObject([
    { key: 'a', capabilities: ['completion', 'vision'], instances: [{ id: 'a', contextTokens: 512 }] },
    { key: 'b', onlyEmbeds: true, trainContextTokens: 2048, instances: [] },
    { key: 'c', capabilities: ['completion', 'tools'], instances: [] },
  ])
})

test('a plain list tells names only', () => {
  const data = [{ id: 'a', object: 'model' }, { id: 'text-embedding-nomic' }]
  expect(readListing('openai', { data })).toMatchObject([
    { key: 'a', onlyEmbeds: false, instances: null },
    { key: 'text-embedding-nomic', onlyEmbeds: true, instances: null },
  ])
})

test.each([
  ['v1', { error: 'Unexpected endpoint or method. (GET /api/v1/models)' }],
  ['v0', { error: 'Unexpected endpoint or method. (GET /api/v0/models)' }],
  ['v1', { object: 'list', data: [] }],
  ['v1', undefined],
  ['openai', 'Ollama is running'],
] as const)('%s: %j is no list of it', (by, body) => {
  expect(readListing(by, body)).toBeUndefined()
})

test('of several instances the one with the largest window is used', () => {
  expect(widestInstance(readListing('v1', V1)?.[0]?.instances ?? null)?.id).toBe('google/gemma-4-26b-a4b:2')
  expect(widestInstance(null)).toBeUndefined()
})
