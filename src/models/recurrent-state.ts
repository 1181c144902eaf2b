import type { HeaderValues } from './header-values.ts'

/** What a block does with the past: attend to it, carry a state of fixed size, or (Falcon-H1) both. */
export interface BlockPast {
  readonly attends: boolean
  readonly isRecurrent: boolean
}

const ATTENTION: BlockPast = { attends: true, isRecurrent: false }
const STATE: BlockPast = { attends: false, isRecurrent: true }
const BOTH: BlockPast = { attends: true, isRecurrent: true }
const NOTHING: BlockPast = { attends: false, isRecurrent: false }

/*
 * llama.cpp v0.4.0: `llm_arch_is_recurrent` and `llm_arch_is_hybrid` in `src/llama-arch.cpp`, the filters of
 * `llama_model::create_memory` in `src/llama-model.cpp`, `load_arch_hparams` in `src/models/<name>.cpp`.
 */
const RECURRENT: ReadonlySet<string> = new Set(['mamba', 'mamba2', 'rwkv6', 'rwkv6qwen2', 'rwkv7', 'arwkv7'])
/** A block without keys and values is a recurrent one. */
const BY_KV_HEADS: ReadonlySet<string> = new Set([
  'bailingmoe3',
  'granitehybrid',
  'jamba',
  'kimi-k3',
  'kimi-linear',
  'lfm2',
  'lfm2moe',
  'plamo2',
])
/** The same, and a block with a feed-forward has neither. */
const BY_KV_HEADS_AND_FEED_FORWARD: ReadonlySet<string> = new Set(['nemotron_h', 'nemotron_h_moe'])
/** One block of so many attends, unless the file says another number or names them. */
const BY_INTERVAL: Readonly<Record<string, number>> = { 'minimax-01': 8, qwen35: 4, qwen35moe: 4, qwen3next: 4 }

export function blockPast(architecture: string, header: HeaderValues, block: number): BlockPast {
  if (RECURRENT.has(architecture)) return STATE
  if (architecture === 'falcon-h1') return BOTH
  const hasHeads = header.perBlock('attention.head_count_kv', block) !== 0
  if (BY_KV_HEADS.has(architecture)) return hasHeads ? ATTENTION : STATE
  if (BY_KV_HEADS_AND_FEED_FORWARD.has(architecture)) {
    if ((header.perBlock('feed_forward_length', block) ?? 0) > 0) return NOTHING
    return hasHeads ? ATTENTION : STATE
  }
  const interval = Object.hasOwn(BY_INTERVAL, architecture) ? BY_INTERVAL[architecture] : undefined
  if (interval === undefined) return ATTENTION
  const named = header.list('attention.recurrent_layers')
  if (named) return (named[block] ?? 0) === 0 ? ATTENTION : STATE
  return (block + 1) % (header.number('full_attention_interval') ?? interval) === 0 ? ATTENTION : STATE
}

/** Whether the recurrent blocks are linear attention, with queries, keys and values of their own. */
export function isLinearAttention(architecture: string): boolean {
  return Object.hasOwn(BY_INTERVAL, architecture)
}

/** Whether the blocks behind the last one of the model proper, which predict further tokens, are kept out of the cache. */
export function leavesOutPredictors(architecture: string): boolean {
  return isLinearAttention(architecture) || ['hy_v3', 'mimo2', 'step35'].includes(architecture)
}

/**
 * Numbers (32 bit each) of the state of one recurrent block: what its convolution still needs, and the state itself
 * (llama.cpp `llama_hparams::n_embd_r` and `n_embd_s`).
 */
export function stateElements(architecture: string, header: HeaderValues, heads: number, headLength: number): number {
  const width = header.number('embedding_length') ?? 0
  const wkvLength = header.number('wkv.head_size') ?? 0
  if (wkvLength > 0) return (header.number('token_shift_count') ?? 2) * width + width * wkvLength
  const kernel = header.number('ssm.conv_kernel') ?? 0
  const inner = header.number('ssm.inner_size') ?? 0
  const length = header.number('ssm.state_size') ?? 0
  const kdaLength = header.number('kda.head_dim') ?? 0
  if (kdaLength > 0) {
    return 3 * (kernel > 0 ? kernel - 1 : 3) * heads * kdaLength + kdaLength * kdaLength * heads
  }
  const shortKernel = header.number('shortconv.l_cache') ?? 0
  const convolved =
    shortKernel > 0
      ? width * (shortKernel - 1)
      : Math.max(0, kernel - 1) * (inner + 2 * (header.number('ssm.group_count') ?? 0) * length)
  return convolved + (architecture === 'minimax-01' ? headLength * headLength * heads : length * inner)
}
