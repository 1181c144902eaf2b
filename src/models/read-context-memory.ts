import type { ContextMemory } from './context-memory.ts'
import type { HeaderValues } from './header-values.ts'
import { blockPast, isLinearAttention, leavesOutPredictors, stateElements } from './recurrent-state.ts'
import { slidingBlocks } from './sliding-blocks.ts'

/** Encoders and diffusion models keep nothing of a text (llama.cpp v0.4.0, `llama_model::create_memory`). */
const KEEPS_NOTHING: ReadonlySet<string> = new Set([
  'bert',
  'dream',
  'eurobert',
  'gemma-embedding',
  'jina-bert-v2',
  'jina-bert-v3',
  'llada',
  'llada-moe',
  'modern-bert',
  'neo-bert',
  'nomic-bert',
  'nomic-bert-moe',
  'rnd1',
])
/** Caches of their own kind (an indexer's keys, compressed blocks, layers run several times) that are not reckoned here. */
const NOT_RECKONED: ReadonlySet<string> = new Set([
  'deepseek32',
  'deepseek4',
  'dflash',
  'dots3note',
  'eagle3',
  'gemma4-assistant',
  'glm-dsa',
  'minimax-m3',
  'nanbeige',
  'qwen4exp',
  't5',
  't5encoder',
])
/** Keys of a memory that an architecture not known here would have. */
const PECULIAR_KEYS = ['ssm.', 'wkv.', 'kda.', 'shortconv.', 'attention.indexer.', 'attention.recurrent_layers']
/** Gemma 3n: the blocks behind these use the keys and values of earlier ones. */
const GEMMA3N_OWN_BLOCKS = 20

/**
 * Reads from a header what a context of the model will keep.
 *
 * An architecture whose past is not known here is taken to attend to everything in every block, which is the most that
 * keys and values can take, and `isKnown` is false.
 */
export function readContextMemory(architecture: string, header: HeaderValues, blockCount: number): ContextMemory {
  const heads = header.perBlock('attention.head_count', 0) ?? 0
  const width = header.number('embedding_length') ?? 0
  const headLength = heads > 0 ? Math.floor(width / heads) : 0
  const keyLength = header.number('attention.key_length') ?? headLength
  const valueLength = header.number('attention.value_length') ?? headLength
  const isLatent = (header.number('attention.key_length_mla') ?? 0) > 0
  const isFlash = hasFlashAttention(architecture, header)
  const sliding = slidingBlocks(architecture, header, blockCount)
  const trunk = blockCount - (header.number('nextn_predict_layers') ?? 0)

  const blocks = Array.from({ length: blockCount }, (_, block) => {
    const slides = block < trunk && sliding?.isSliding(block) === true
    const kvHeads =
      header.perBlock('attention.head_count_kv', block) ?? header.perBlock('attention.head_count', block) ?? 0
    const suffix = slides ? '_swa' : ''
    return {
      ...blockPast(architecture, header, block),
      slides,
      isKept:
        block < ownBlocks(architecture, header, blockCount) && (block < trunk || !leavesOutPredictors(architecture)),
      keys: kvHeads * (header.number(`attention.key_length${suffix}`) ?? keyLength),
      values: isLatent ? 0 : kvHeads * (header.number(`attention.value_length${suffix}`) ?? valueLength),
    }
  })
  // Without flash attention the values lie column by column, and every block has room for the longest.
  const longestValues = Math.max(0, ...blocks.map(({ values }) => values))
  const elementsOf = (slides: boolean): number =>
    KEEPS_NOTHING.has(architecture)
      ? 0
      : blocks
          .filter((block) => block.attends && block.isKept && block.slides === slides)
          .reduce((sum, { keys, values }) => sum + keys + (isFlash || isLatent ? values : longestValues), 0)
  const recurrent = blocks.filter(({ isRecurrent }, block) => isRecurrent && block < trunk).length
  return {
    wholeElementsPerToken: elementsOf(false),
    slidingElementsPerToken: elementsOf(true),
    slidingTokens: sliding?.tokens ?? 0,
    stateElements: recurrent * stateElements(architecture, header, heads, keyLength),
    rowElements: rowElements(architecture, header, width, heads * keyLength),
    scoredHeads: isFlash ? 0 : heads,
    turnedElementsPerToken: isLatent && !isFlash ? valueLength : 0,
    isKnown: isKnown(architecture, header, blocks),
  }
}

/** The first of these blocks have keys and values of their own; the others use those. */
function ownBlocks(architecture: string, header: HeaderValues, blockCount: number): number {
  if (architecture === 'gemma3n') return GEMMA3N_OWN_BLOCKS
  if (architecture === 'gemma4') return blockCount - (header.number('attention.shared_kv_layers') ?? 0)
  return blockCount
}

/** Whether the binding uses flash attention (node-llama-cpp 3.21.1, `GgufInsights.flashAttentionSupported`). */
function hasFlashAttention(architecture: string, header: HeaderValues): boolean {
  if (architecture === 'grok' || architecture === 'gemma2') return false
  // Where heads differ from block to block the binding finds no length that follows from them, and so no equal ones.
  const heads = header.list('attention.head_count') ? NaN : header.number('attention.head_count')
  const implied = heads === undefined || heads === 0 ? 0 : (header.number('embedding_length') ?? 0) / heads
  return (header.number('attention.key_length') ?? implied) === (header.number('attention.value_length') ?? implied)
}

/**
 * Numbers a token takes at once while a batch is evaluated. Found by varying sizes and reading what llama.cpp says of its
 * compute buffer: the vectors between blocks about 5 times; and at the widest place gate, up and their product of each
 * expert used, or query, key, value and result of attention, or what a recurrent block has around its state, more of it
 * where the state is that of a linear attention.
 */
function rowElements(architecture: string, header: HeaderValues, width: number, attentionWidth: number): number {
  const feedForward = header.perBlock('feed_forward_length', 0) ?? 0
  const expertsUsed = header.perBlock('expert_used_count', 0) ?? 0
  const expertLength = header.perBlock('expert_feed_forward_length', 0) ?? feedForward
  const inner = header.number('ssm.inner_size') ?? 0
  return (
    5 * width +
    Math.max(
      3 * feedForward,
      3 * expertsUsed * expertLength,
      4 * attentionWidth,
      (isLinearAttention(architecture) ? 9 : 6) * inner,
    )
  )
}

function isKnown(
  architecture: string,
  header: HeaderValues,
  blocks: readonly { readonly isRecurrent: boolean }[],
): boolean {
  if (NOT_RECKONED.has(architecture)) return false
  return blocks.some(({ isRecurrent }) => isRecurrent) || !PECULIAR_KEYS.some((key) => header.hasAny(key))
}
