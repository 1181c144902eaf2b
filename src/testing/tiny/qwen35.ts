import { bias, norm, type TensorPlan, type TinyArchitecture, weight } from './architecture.ts'
import {
  attentionPairs,
  attentionTensors,
  commonPairs,
  feedForwardTensors,
  isFullAttention,
  perBlock,
} from './attention.ts'
import { countPair, countsPair } from './gguf-bytes.ts'
import { CONVOLUTION_TOKENS, DECAY } from './mamba.ts'
import type { TinyShape } from './shape.ts'
import { byteVocabulary } from './vocabulary.ts'

/** Gated delta nets with a state of fixed size (a square a head), and of each period one block with attention. */
export const qwen35: TinyArchitecture = {
  name: 'qwen35',
  vocabulary: byteVocabulary,
  pairs: (shape, key) => [
    ...commonPairs(shape, key),
    ...attentionPairs(shape, key),
    countsPair(key('rope.dimension_sections'), ropeSections(shape)),
    countPair(key('full_attention_interval'), shape.period),
    countPair(key('ssm.conv_kernel'), CONVOLUTION_TOKENS),
    countPair(key('ssm.inner_size'), shape.stateLength * shape.heads),
    countPair(key('ssm.state_size'), shape.stateLength),
    countPair(key('ssm.time_step_rank'), shape.heads),
    countPair(key('ssm.group_count'), shape.heads),
  ],
  tensors: (shape, vocabularySize) => [
    weight('token_embd', shape.width, vocabularySize),
    norm('output_norm', shape.width),
    weight('output', shape.width, vocabularySize),
    ...perBlock(shape, (prefix, block) => [
      norm(`${prefix}.attn_norm`, shape.width),
      norm(`${prefix}.post_attention_norm`, shape.width),
      ...(isFullAttention(shape, block) ? gatedAttention(prefix, shape) : deltaNet(prefix, shape)),
      ...feedForwardTensors(prefix, shape),
    ]),
  ],
}

/** The query has a gate beside it. */
function gatedAttention(prefix: string, shape: TinyShape): TensorPlan[] {
  const [, ...others] = attentionTensors(prefix, shape)
  return [
    weight(`${prefix}.attn_q`, shape.width, 2 * shape.heads * shape.headLength),
    ...others,
    norm(`${prefix}.attn_q_norm`, shape.headLength),
    norm(`${prefix}.attn_k_norm`, shape.headLength),
  ]
}

function deltaNet(prefix: string, { width, heads, stateLength }: TinyShape): TensorPlan[] {
  const inner = heads * stateLength
  return [
    weight(`${prefix}.attn_qkv`, width, 3 * inner),
    weight(`${prefix}.attn_gate`, width, inner),
    weight(`${prefix}.ssm_conv1d`, CONVOLUTION_TOKENS, 3 * inner),
    bias(`${prefix}.ssm_dt`, heads),
    { name: `${prefix}.ssm_a`, shape: [heads], fill: DECAY },
    weight(`${prefix}.ssm_beta`, width, heads),
    weight(`${prefix}.ssm_alpha`, width, heads),
    norm(`${prefix}.ssm_norm`, stateLength),
    weight(`${prefix}.ssm_out`, inner, width),
  ]
}

/** Pairs of numbers that are turned by time, height and width of a picture; text turns them all alike. */
function ropeSections({ headLength }: TinyShape): number[] {
  const pairs = headLength / 2
  const third = Math.floor(pairs / 3)
  return [pairs - 2 * third, third, third, 0]
}
