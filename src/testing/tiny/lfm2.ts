import { norm, type TensorPlan, type TinyArchitecture, weight } from './architecture.ts'
import { attentionTensors, commonPairs, feedForwardTensors, isFullAttention, perBlock } from './attention.ts'
import { countPair, floatPair } from './gguf-bytes.ts'
import { kvHeadsPair } from './granite-hybrid.ts'
import type { TinyShape } from './shape.ts'
import { byteVocabulary } from './vocabulary.ts'

/** Tokens that a convolution looks at. */
const CONVOLUTION_TOKENS = 3

/** Blocks that look at the last tokens through a short convolution, and of each period one with attention. */
export const lfm2: TinyArchitecture = {
  name: 'lfm2',
  vocabulary: byteVocabulary,
  pairs: (shape, key) => [
    ...commonPairs(shape, key),
    countPair(key('attention.head_count'), shape.heads),
    kvHeadsPair(shape, key),
    floatPair(key('attention.layer_norm_rms_epsilon'), 1e-5),
    countPair(key('shortconv.l_cache'), CONVOLUTION_TOKENS),
  ],
  tensors: (shape, vocabularySize) => [
    weight('token_embd', shape.width, vocabularySize),
    norm('token_embd_norm', shape.width),
    weight('output', shape.width, vocabularySize),
    ...perBlock(shape, (prefix, block) => [
      norm(`${prefix}.ffn_norm`, shape.width),
      ...feedForwardTensors(prefix, shape),
      norm(`${prefix}.attn_norm`, shape.width),
      ...(isFullAttention(shape, block) ? normedAttention(prefix, shape) : convolution(prefix, shape)),
    ]),
  ],
}

/** The length of a head follows from the width here; these files have no key for another one. */
function normedAttention(prefix: string, shape: TinyShape): TensorPlan[] {
  const headLength = shape.width / shape.heads
  return [
    norm(`${prefix}.attn_q_norm`, headLength),
    norm(`${prefix}.attn_k_norm`, headLength),
    ...attentionTensors(prefix, { ...shape, headLength }),
  ]
}

function convolution(prefix: string, { width }: TinyShape): TensorPlan[] {
  return [
    weight(`${prefix}.shortconv.conv`, CONVOLUTION_TOKENS, width),
    weight(`${prefix}.shortconv.in_proj`, width, 3 * width),
    weight(`${prefix}.shortconv.out_proj`, width, width),
  ]
}
