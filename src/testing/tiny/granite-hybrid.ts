import { bias, norm, type TensorPlan, type TinyArchitecture, weight } from './architecture.ts'
import {
  attentionTensors,
  commonPairs,
  feedForwardTensors,
  isFullAttention,
  lengthPairs,
  perBlock,
} from './attention.ts'
import { countPair, countsPair, floatPair } from './gguf-bytes.ts'
import { CONVOLUTION_TOKENS, DECAY } from './mamba.ts'
import type { TinyShape } from './shape.ts'
import { byteVocabulary } from './vocabulary.ts'

/** Mamba-2 blocks with a state of fixed size, and of each period one with attention. */
export const graniteHybrid: TinyArchitecture = {
  name: 'granitehybrid',
  vocabulary: byteVocabulary,
  pairs: (shape, key) => [
    ...commonPairs(shape, key),
    countPair(key('attention.head_count'), shape.heads),
    kvHeadsPair(shape, key),
    ...lengthPairs(shape.headLength, shape.width / shape.heads, key),
    floatPair(key('attention.layer_norm_rms_epsilon'), 1e-5),
    countPair(key('rope.dimension_count'), shape.headLength),
    countPair(key('ssm.conv_kernel'), CONVOLUTION_TOKENS),
    countPair(key('ssm.inner_size'), 2 * shape.width),
    countPair(key('ssm.state_size'), shape.stateLength),
    countPair(key('ssm.time_step_rank'), shape.heads),
    countPair(key('ssm.group_count'), 1),
  ],
  tensors: (shape, vocabularySize) => [
    weight('token_embd', shape.width, vocabularySize),
    norm('output_norm', shape.width),
    weight('output', shape.width, vocabularySize),
    ...perBlock(shape, (prefix, block) => [
      norm(`${prefix}.attn_norm`, shape.width),
      ...(isFullAttention(shape, block) ? attentionTensors(prefix, shape) : stateTensors(prefix, shape)),
      norm(`${prefix}.ffn_norm`, shape.width),
      ...feedForwardTensors(prefix, shape),
    ]),
  ],
}

/** Blocks without keys and values are the recurrent ones: that is how these files say it. */
export function kvHeadsPair(shape: TinyShape, key: (name: string) => string): Buffer {
  const heads = Array.from({ length: shape.blocks }, (_, block) => (isFullAttention(shape, block) ? shape.kvHeads : 0))
  return countsPair(key('attention.head_count_kv'), heads)
}

function stateTensors(prefix: string, { width, heads, stateLength }: TinyShape): TensorPlan[] {
  const inner = 2 * width
  const convolved = inner + 2 * stateLength
  return [
    weight(`${prefix}.ssm_in`, width, inner + convolved + heads),
    weight(`${prefix}.ssm_conv1d`, CONVOLUTION_TOKENS, convolved),
    bias(`${prefix}.ssm_conv1d`, convolved),
    bias(`${prefix}.ssm_dt`, heads),
    { name: `${prefix}.ssm_a`, shape: [1, heads], fill: DECAY },
    { name: `${prefix}.ssm_d`, shape: [1, heads], fill: 1 },
    { name: `${prefix}.ssm_norm.weight`, shape: [inner, 1], fill: 1 },
    weight(`${prefix}.ssm_out`, inner, width),
  ]
}
