import { bias, norm, type TensorPlan, type TinyArchitecture, weight } from './architecture.ts'
import { perBlock } from './attention.ts'
import { countPair, floatPair } from './gguf-bytes.ts'
import type { TinyShape } from './shape.ts'
import { byteVocabulary } from './vocabulary.ts'

/** Tokens that the convolution in front of the state looks at. */
export const CONVOLUTION_TOKENS = 4
/** Slow forgetting: after a hundred tokens a tenth of a state is still there, so that a wrong one is noticed. */
export const DECAY = -0.03

/** No attention at all: a state of fixed size, however long the text. */
export const mamba: TinyArchitecture = {
  name: 'mamba',
  vocabulary: byteVocabulary,
  pairs: (shape, key) => [
    countPair(key('block_count'), shape.blocks),
    countPair(key('context_length'), shape.contextTokens),
    countPair(key('embedding_length'), shape.width),
    countPair(key('feed_forward_length'), 0),
    countPair(key('attention.head_count'), 0),
    floatPair(key('attention.layer_norm_rms_epsilon'), 1e-5),
    countPair(key('ssm.conv_kernel'), CONVOLUTION_TOKENS),
    countPair(key('ssm.inner_size'), 2 * shape.width),
    countPair(key('ssm.state_size'), shape.stateLength),
    countPair(key('ssm.time_step_rank'), timeStepRank(shape)),
  ],
  tensors: (shape, vocabularySize) => [
    weight('token_embd', shape.width, vocabularySize),
    norm('output_norm', shape.width),
    weight('output', shape.width, vocabularySize),
    ...perBlock(shape, (prefix) => stateTensors(prefix, shape)),
  ],
}

function stateTensors(prefix: string, shape: TinyShape): TensorPlan[] {
  const { width, stateLength } = shape
  const inner = 2 * width
  const rank = timeStepRank(shape)
  return [
    norm(`${prefix}.attn_norm`, width),
    weight(`${prefix}.ssm_in`, width, 2 * inner),
    weight(`${prefix}.ssm_conv1d`, CONVOLUTION_TOKENS, inner),
    bias(`${prefix}.ssm_conv1d`, inner),
    weight(`${prefix}.ssm_x`, inner, rank + 2 * stateLength),
    weight(`${prefix}.ssm_dt`, rank, inner),
    bias(`${prefix}.ssm_dt`, inner),
    { name: `${prefix}.ssm_a`, shape: [stateLength, inner], fill: DECAY },
    { name: `${prefix}.ssm_d`, shape: [inner], fill: 1 },
    weight(`${prefix}.ssm_out`, inner, width),
  ]
}

/** As Mamba has it: a sixteenth of the width. */
function timeStepRank({ width }: TinyShape): number {
  return Math.ceil(width / 16)
}
