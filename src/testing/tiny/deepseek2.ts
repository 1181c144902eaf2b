import { norm, type TinyArchitecture, weight } from './architecture.ts'
import { commonPairs, feedForwardTensors, perBlock } from './attention.ts'
import { countPair, floatPair } from './gguf-bytes.ts'
import { byteVocabulary } from './vocabulary.ts'

/** Numbers of a query and key that are turned by position. */
const ROTATED = 16
/** Rank of the query's own compression. */
const QUERY_RANK = 32

/** Latent attention (MLA): of a token one compressed row is kept for all heads, from which keys and values are made. */
export const deepseek2: TinyArchitecture = {
  name: 'deepseek2',
  vocabulary: byteVocabulary,
  pairs: (shape, key) => [
    ...commonPairs(shape, key),
    countPair(key('attention.head_count'), shape.heads),
    countPair(key('attention.head_count_kv'), 1),
    floatPair(key('attention.layer_norm_rms_epsilon'), 1e-5),
    countPair(key('attention.q_lora_rank'), QUERY_RANK),
    countPair(key('attention.kv_lora_rank'), shape.latentLength),
    countPair(key('attention.key_length'), shape.latentLength + ROTATED),
    countPair(key('attention.value_length'), shape.latentLength),
    countPair(key('attention.key_length_mla'), shape.headLength + ROTATED),
    countPair(key('attention.value_length_mla'), shape.headLength),
    countPair(key('rope.dimension_count'), ROTATED),
    // Every block has an ordinary feed-forward; the keys of the experts must be there all the same.
    countPair(key('leading_dense_block_count'), shape.blocks),
    countPair(key('expert_feed_forward_length'), shape.feedForward),
    countPair(key('expert_shared_count'), 0),
  ],
  tensors: (shape, vocabularySize) => {
    const { width, heads, headLength, latentLength } = shape
    return [
      weight('token_embd', width, vocabularySize),
      norm('output_norm', width),
      weight('output', width, vocabularySize),
      ...perBlock(shape, (prefix) => [
        norm(`${prefix}.attn_norm`, width),
        norm(`${prefix}.attn_q_a_norm`, QUERY_RANK),
        norm(`${prefix}.attn_kv_a_norm`, latentLength),
        weight(`${prefix}.attn_q_a`, width, QUERY_RANK),
        weight(`${prefix}.attn_q_b`, QUERY_RANK, heads * (headLength + ROTATED)),
        weight(`${prefix}.attn_kv_a_mqa`, width, latentLength + ROTATED),
        weight(`${prefix}.attn_k_b`, headLength, latentLength, heads),
        weight(`${prefix}.attn_v_b`, latentLength, headLength, heads),
        weight(`${prefix}.attn_output`, heads * headLength, width),
        norm(`${prefix}.ffn_norm`, width),
        ...feedForwardTensors(prefix, shape),
      ]),
    ]
  },
}
