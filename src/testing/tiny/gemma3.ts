import { norm, type TinyArchitecture, weight } from './architecture.ts'
import { attentionPairs, attentionTensors, commonPairs, feedForwardTensors, perBlock } from './attention.ts'
import { countPair } from './gguf-bytes.ts'
import { byteVocabulary } from './vocabulary.ts'

/** Blocks that look back only so far (`slidingTokens`), and of each period the last one at everything. */
export const gemma3: TinyArchitecture = {
  name: 'gemma3',
  vocabulary: byteVocabulary,
  pairs: (shape, key) => [
    ...commonPairs(shape, key),
    ...attentionPairs(shape, key),
    countPair(key('attention.sliding_window'), shape.slidingTokens),
    countPair(key('attention.sliding_window_pattern'), shape.period),
  ],
  tensors: (shape, vocabularySize) => [
    weight('token_embd', shape.width, vocabularySize),
    norm('output_norm', shape.width),
    ...perBlock(shape, (prefix) => [
      norm(`${prefix}.attn_norm`, shape.width),
      ...attentionTensors(prefix, shape),
      norm(`${prefix}.post_attention_norm`, shape.width),
      norm(`${prefix}.attn_k_norm`, shape.headLength),
      norm(`${prefix}.attn_q_norm`, shape.headLength),
      norm(`${prefix}.ffn_norm`, shape.width),
      ...feedForwardTensors(prefix, shape),
      norm(`${prefix}.post_ffw_norm`, shape.width),
    ]),
  ],
}
