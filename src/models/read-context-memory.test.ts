import { describe, expect, test } from 'vitest'
import type { ContextMemory } from './context-memory.ts'
import { HeaderValues } from './header-values.ts'
import { readContextMemory } from './read-context-memory.ts'

/*
 * Architectures beside those that are generated and asked of the engine in `context-memory.test.ts`: the rules are those
 * of llama.cpp's source, the sizes those of well-known models. Counts are of blocks, told by elements a token of 1 each.
 */

function read(architecture: string, blockCount: number, keys: Readonly<Record<string, unknown>>): ContextMemory {
  const values = Object.entries(keys).map(([key, value]) => [`${architecture}.${key}`, value] as const)
  return readContextMemory(architecture, new HeaderValues(Object.fromEntries(values), architecture), blockCount)
}

/** One head with a key of one number and no value: a block counts as 1. */
const unit = {
  'attention.head_count': 1,
  'attention.head_count_kv': 1,
  'attention.key_length': 1,
  'attention.value_length': 0,
}
const sliding = { ...unit, 'attention.sliding_window': 1_024 }
const period = (length: number): object => ({ 'attention.sliding_window_pattern': length })

describe('blocks that slide and blocks that look at everything', () => {
  const cases: [string, number, Readonly<Record<string, unknown>>, number, number][] = [
    ['gemma3', 26, sliding, 22, 4],
    ['gemma3', 26, unit, 0, 26],
    ['gemma3', 26, { ...sliding, 'attention.sliding_window': 0 }, 0, 26],
    ['gemma3', 26, { ...sliding, ...period(2) }, 13, 13],
    ['gemma2', 26, unit, 13, 13],
    ['cohere2', 32, sliding, 24, 8],
    ['gpt-oss', 24, sliding, 12, 12],
    ['llama4', 48, unit, 36, 12],
    ['llama4', 48, { ...sliding, 'attention.sliding_window': 0 }, 0, 48],
    ['laguna', 9, sliding, 6, 3],
    ['smallthinker', 8, sliding, 6, 2],
    ['exaone4', 64, unit, 48, 16],
    ['exaone4', 30, sliding, 0, 30],
    // The sliding window of these is not used by the engine.
    ['phi3', 32, sliding, 0, 32],
    ['gemma4', 4, { ...sliding, 'attention.sliding_window_pattern': [true, true, true, false] }, 3, 1],
    // The last two use the keys and values of earlier blocks.
    [
      'gemma4',
      6,
      { ...sliding, 'attention.sliding_window_pattern': [1, 1, 0, 1, 1, 0], 'attention.shared_kv_layers': 2 },
      3,
      1,
    ],
    ['gemma3n', 35, sliding, 16, 4],
    ['mellum', 4, { ...sliding, 'attention.sliding_window_pattern': [0, 0, 1, 1] }, 2, 2],
    // A list where the engine takes a period only: the period is the architecture's own.
    ['gemma3', 6, { ...sliding, 'attention.sliding_window_pattern': [0, 0, 0, 0, 0, 0] }, 5, 1],
  ]

  test.each(cases)('%s with %i blocks and %o', (architecture, blocks, keys, slidingBlocks, wholeBlocks) => {
    const memory = read(architecture, blocks, keys)
    // Without flash attention a block has room for the longest values: none of these has any.
    expect(memory.slidingElementsPerToken).toBe(slidingBlocks)
    expect(memory.wholeElementsPerToken).toBe(wholeBlocks)
    expect(memory.isKnown).toBe(true)
  })

  test('how far they look back is what the file says, or what the engine knows', () => {
    expect(read('gemma3', 26, sliding).slidingTokens).toBe(1_024)
    expect(read('gemma2', 26, unit).slidingTokens).toBe(4_096)
    expect(read('llama4', 48, sliding).slidingTokens).toBe(8_192)
  })

  test('heads of sliding blocks may have a length of their own', () => {
    const keys = { ...sliding, 'attention.sliding_window_pattern': [1, 0], 'attention.key_length_swa': 3 }
    expect(read('gemma4', 2, keys)).toMatchObject({ slidingElementsPerToken: 3, wholeElementsPerToken: 1 })
  })
})

describe('blocks with a state of fixed size', () => {
  const state = { 'ssm.conv_kernel': 4, 'ssm.inner_size': 10, 'ssm.state_size': 7, 'ssm.group_count': 2 }
  /** 3 tokens of 10 + 2·2·7 numbers, and 7 rows of 10. */
  const stateElements = 3 * (10 + 28) + 70

  test('are those without keys and values', () => {
    for (const architecture of ['jamba', 'granitehybrid', 'plamo2']) {
      const memory = read(architecture, 4, { ...unit, ...state, 'attention.head_count_kv': [0, 0, 1, 0] })
      expect(memory).toMatchObject({ wholeElementsPerToken: 1, stateElements: 3 * stateElements, isKnown: true })
    }
  })

  test('Nemotron-H has blocks of a third kind, which keep nothing', () => {
    const lists = { 'attention.head_count_kv': [0, 0, 1, 0], feed_forward_length: [0, 64, 0, 0] }
    const memory = read('nemotron_h', 4, { ...unit, ...state, ...lists })
    expect(memory).toMatchObject({ wholeElementsPerToken: 1, stateElements: 2 * stateElements })
  })

  test('every block of Falcon-H1 attends and carries a state', () => {
    const memory = read('falcon-h1', 4, { ...unit, ...state })
    expect(memory).toMatchObject({ wholeElementsPerToken: 4, stateElements: 4 * stateElements })
  })

  test('are three of four, or those that are named', () => {
    for (const architecture of ['qwen3next', 'qwen35', 'qwen35moe']) {
      const memory = read(architecture, 8, { ...unit, ...state })
      expect(memory).toMatchObject({ wholeElementsPerToken: 2, stateElements: 6 * stateElements })
    }
    const named = { 'attention.recurrent_layers': [1, 0, 0, 0] }
    expect(read('qwen35', 4, { ...unit, ...state, ...named })).toMatchObject({
      wholeElementsPerToken: 3,
      stateElements,
    })
  })

  test('a block that only predicts further tokens has neither', () => {
    const memory = read('qwen35', 9, { ...unit, ...state, nextn_predict_layers: 1 })
    expect(memory).toMatchObject({ wholeElementsPerToken: 2, stateElements: 6 * stateElements })
  })

  test('RWKV carries a square a head, and the last tokens', () => {
    const memory = read('rwkv7', 2, { embedding_length: 64, 'wkv.head_size': 16, 'attention.head_count': 0 })
    expect(memory).toMatchObject({ wholeElementsPerToken: 0, stateElements: 2 * (2 * 64 + 64 * 16) })
  })

  test('Kimi Linear has a square for each head of a recurrent block, and latent attention in the others', () => {
    const keys = {
      'attention.head_count': 32,
      'attention.head_count_kv': [0, 0, 0, 1],
      'attention.key_length': 576,
      'attention.value_length': 512,
      'attention.key_length_mla': 192,
      'attention.value_length_mla': 128,
      'ssm.conv_kernel': 4,
      'kda.head_dim': 128,
    }
    expect(read('kimi-linear', 4, keys)).toMatchObject({
      wholeElementsPerToken: 576,
      stateElements: 3 * (3 * 3 * 32 * 128 + 128 * 128 * 32),
    })
  })
})

test('latent attention keeps one row a block, and no values', () => {
  // DeepSeek V3: 61 blocks, 512 + 64 numbers.
  const keys = {
    'attention.head_count': 128,
    'attention.head_count_kv': 1,
    'attention.key_length': 576,
    'attention.value_length': 512,
    'attention.key_length_mla': 192,
    'attention.value_length_mla': 128,
  }
  const memory = read('deepseek2', 61, keys)
  expect(memory).toMatchObject({ wholeElementsPerToken: 61 * 576, scoredHeads: 128, turnedElementsPerToken: 512 })
})

test('heads may differ from block to block', () => {
  const keys = { embedding_length: 64, 'attention.head_count': 4, 'attention.head_count_kv': [4, 2, 1] }
  expect(read('llama', 3, keys).wholeElementsPerToken).toBe(7 * 32)
})

test('without flash attention every block has room for the longest values', () => {
  const keys = { embedding_length: 64, 'attention.head_count': 4, 'attention.head_count_kv': [4, 2, 1] }
  const memory = read('grok', 3, keys)
  expect(memory).toMatchObject({ wholeElementsPerToken: 7 * 16 + 3 * 64, scoredHeads: 4 })
})

test('encoders keep nothing', () => {
  expect(read('bert', 12, unit)).toMatchObject({ wholeElementsPerToken: 0, isKnown: true })
})

test('of what is not known every block is taken to keep the whole window, and that is said', () => {
  const indexed = { ...unit, 'attention.indexer.key_length': 128 }
  expect(read('deepseek32', 61, indexed)).toMatchObject({ wholeElementsPerToken: 61, isKnown: false })
  const strange = { ...unit, 'ssm.state_size': 16 }
  expect(read('of-tomorrow', 3, strange)).toMatchObject({ wholeElementsPerToken: 3, isKnown: false })
  expect(read('of-tomorrow', 3, unit)).toMatchObject({ wholeElementsPerToken: 3, isKnown: true })
})
