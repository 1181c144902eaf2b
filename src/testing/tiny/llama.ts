import { norm, type TensorPlan, type TinyArchitecture, weight } from './architecture.ts'
import { attentionPairs, attentionTensors, commonPairs, feedForwardTensors, perBlock } from './attention.ts'
import { countPair } from './gguf-bytes.ts'
import type { TinyShape } from './shape.ts'
import { byteVocabulary } from './vocabulary.ts'

/** Attention of every token to every token before it, with keys and values of its own for every head. */
export const llama: TinyArchitecture = {
  name: 'llama',
  vocabulary: byteVocabulary,
  pairs: (shape, key) => [...commonPairs(shape, key), ...attentionPairs(shape, key)],
  tensors: (shape, vocabularySize) => tensors(shape, vocabularySize, feedForwardTensors),
}

/** The same with keys and values shared by groups of heads. */
export const groupedQuery: TinyArchitecture = { ...llama, shape: { kvHeads: 1 } }

/** Mixtral: each token is given to some of the experts; all of them are in memory. */
export const mixtral: TinyArchitecture = {
  ...llama,
  pairs: (shape, key) => [
    ...llama.pairs(shape, key),
    countPair(key('expert_count'), shape.experts),
    countPair(key('expert_used_count'), shape.expertsUsed),
  ],
  tensors: (shape, vocabularySize) => tensors(shape, vocabularySize, expertTensors),
}

function tensors(
  shape: TinyShape,
  vocabularySize: number,
  feedForward: (prefix: string, shape: TinyShape) => TensorPlan[],
): TensorPlan[] {
  const { width } = shape
  return [
    weight('token_embd', width, vocabularySize),
    norm('output_norm', width),
    weight('output', width, vocabularySize),
    ...perBlock(shape, (prefix) => [
      norm(`${prefix}.attn_norm`, width),
      norm(`${prefix}.ffn_norm`, width),
      ...attentionTensors(prefix, shape),
      ...feedForward(prefix, shape),
    ]),
  ]
}

function expertTensors(prefix: string, { width, feedForward, experts }: TinyShape): TensorPlan[] {
  return [
    weight(`${prefix}.ffn_gate_inp`, width, experts),
    weight(`${prefix}.ffn_gate_exps`, width, feedForward, experts),
    weight(`${prefix}.ffn_up_exps`, width, feedForward, experts),
    weight(`${prefix}.ffn_down_exps`, feedForward, width, experts),
  ]
}
