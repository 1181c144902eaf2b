import { type TensorPlan, weight } from './architecture.ts'
import { countPair, floatPair } from './gguf-bytes.ts'
import type { TinyShape } from './shape.ts'

/** Keys of nearly every model, in the order that converters write them. */
export function commonPairs(shape: TinyShape, key: (name: string) => string): Buffer[] {
  return [
    countPair(key('block_count'), shape.blocks),
    countPair(key('context_length'), shape.contextTokens),
    countPair(key('embedding_length'), shape.width),
    countPair(key('feed_forward_length'), shape.feedForward),
  ]
}

/** Keys of attention where every block is alike. */
export function attentionPairs(shape: TinyShape, key: (name: string) => string): Buffer[] {
  const { heads, kvHeads, headLength, width } = shape
  return [
    countPair(key('attention.head_count'), heads),
    floatPair(key('attention.layer_norm_rms_epsilon'), 1e-5),
    countPair(key('rope.dimension_count'), headLength),
    ...(kvHeads === heads ? [] : [countPair(key('attention.head_count_kv'), kvHeads)]),
    ...lengthPairs(headLength, width / heads, key),
  ]
}

/** Keys for heads whose length does not follow from the width. */
export function lengthPairs(headLength: number, impliedLength: number, key: (name: string) => string): Buffer[] {
  if (headLength === impliedLength) return []
  return [countPair(key('attention.key_length'), headLength), countPair(key('attention.value_length'), headLength)]
}

export function attentionTensors(prefix: string, { width, heads, kvHeads, headLength }: TinyShape): TensorPlan[] {
  return [
    weight(`${prefix}.attn_q`, width, heads * headLength),
    weight(`${prefix}.attn_k`, width, kvHeads * headLength),
    weight(`${prefix}.attn_v`, width, kvHeads * headLength),
    weight(`${prefix}.attn_output`, heads * headLength, width),
  ]
}

export function feedForwardTensors(prefix: string, { width, feedForward }: TinyShape): TensorPlan[] {
  return [
    weight(`${prefix}.ffn_gate`, width, feedForward),
    weight(`${prefix}.ffn_up`, width, feedForward),
    weight(`${prefix}.ffn_down`, feedForward, width),
  ]
}

/** One list of tensors for each block. */
export function perBlock(
  { blocks }: TinyShape,
  tensors: (prefix: string, block: number) => TensorPlan[],
): TensorPlan[] {
  return Array.from({ length: blocks }, (_, block) => tensors(`blk.${block}`, block)).flat()
}

/** Whether a block is the one of its period that looks at everything. */
export function isFullAttention({ period }: TinyShape, block: number): boolean {
  return block % period === period - 1
}
