import type { ContextWish } from './catalog-settings.ts'
import { mostTokens } from './context-memory.ts'
import type { GgufMetadata } from './gguf-metadata.ts'

/** No window is made smaller than this to keep its KV cache within `buffers.context.max`. */
const LEAST_WINDOW_TOKENS = 256

/** The window: what is wished for, what the model was trained for, and what its KV cache may take. */
export function windowTokens(
  metadata: Pick<GgufMetadata, 'contextMemory' | 'trainContextTokens'>,
  wish: ContextWish,
  batchTokens: number,
  maxKvBytes: number,
): number {
  const shape = { kvType: wish.kvType, batchTokens }
  const most = Math.max(LEAST_WINDOW_TOKENS, mostTokens(metadata.contextMemory, shape, maxKvBytes / wish.parallel))
  return Math.min(metadata.trainContextTokens, wish.contextTokens, most)
}
