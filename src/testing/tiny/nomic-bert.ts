import { bias, norm, type TensorPlan, type TinyArchitecture, weight } from './architecture.ts'
import { attentionTensors, commonPairs, feedForwardTensors, perBlock } from './attention.ts'
import { countPair, flagPair, floatPair } from './gguf-bytes.ts'
import { wordPieceVocabulary } from './vocabulary.ts'

/** How the vectors of all tokens become one (llama.cpp `enum llama_pooling_type`): their mean. */
const MEAN_POOLING = 1

/** An encoder: every token looks at every other one, and a text becomes one vector. It generates nothing. */
export const nomicBert: TinyArchitecture = {
  name: 'nomic-bert',
  vocabulary: wordPieceVocabulary,
  pairs: (shape, key) => [
    ...commonPairs(shape, key),
    countPair(key('attention.head_count'), shape.heads),
    floatPair(key('attention.layer_norm_epsilon'), 1e-12),
    flagPair(key('attention.causal'), false),
    countPair(key('pooling_type'), MEAN_POOLING),
    floatPair(key('rope.freq_base'), 1_000),
  ],
  tensors: (shape, vocabularySize) => {
    const { width, heads } = shape
    return [
      weight('token_embd', width, vocabularySize),
      ...shiftedNorm('token_embd_norm', width),
      ...perBlock(shape, (prefix) => [
        ...attentionTensors(prefix, { ...shape, kvHeads: heads, headLength: width / heads }),
        ...shiftedNorm(`${prefix}.attn_output_norm`, width),
        ...feedForwardTensors(prefix, shape),
        ...shiftedNorm(`${prefix}.layer_output_norm`, width),
      ]),
    ]
  },
}

function shiftedNorm(name: string, length: number): TensorPlan[] {
  return [norm(name, length), bias(name, length)]
}
