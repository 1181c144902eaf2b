import type { ContextWish } from './catalog-settings.ts'
import type { WindowWish } from '../spec/catalog.ts'
import type { FootprintEstimate } from '../spec/model.ts'
import { mostTokens } from './context-memory.ts'
import type { GgufMetadata } from './gguf-metadata.ts'

/** No window is made smaller than this to keep its KV cache within `buffers.context.max`. */
const LEAST_WINDOW_TOKENS = 256

/**
 * The largest window from `configured` on that is wished for, as far as `most` (what the model and its KV cache may have)
 * and memory go. Memory grows with the window, so what fits is found by halving.
 * @param estimateAt of the model with a window of so many tokens.
 */
export function grownWindow(
  configured: number,
  most: number,
  { leastContextTokens, mostBytes }: WindowWish,
  estimateAt: (contextTokens: number) => FootprintEstimate,
): number {
  const bytesAt = (contextTokens: number): number => {
    const { weightsBytes, contextBytes, processBytes } = estimateAt(contextTokens)
    return weightsBytes + contextBytes + processBytes
  }
  let [fitting, above] = [configured, Math.min(leastContextTokens, most) + 1]
  if (above - 1 > fitting && bytesAt(above - 1) <= mostBytes) return above - 1
  while (above - fitting > 1) {
    const middle = Math.floor((fitting + above) / 2)
    if (bytesAt(middle) <= mostBytes) fitting = middle
    else above = middle
  }
  return fitting
}

/**
 * The window: what is wished for, what the model was trained for, and what its KV cache may take.
 * @param batchTokens the engine's own, where none are wished for.
 */
export function windowTokens(
  metadata: Pick<GgufMetadata, 'contextMemory' | 'trainContextTokens'>,
  wish: ContextWish,
  batchTokens: number,
  maxKvBytes: number,
): number {
  const shape = { kvType: wish.kvType, batchTokens: wish.batchTokens ?? batchTokens }
  const most = Math.max(LEAST_WINDOW_TOKENS, mostTokens(metadata.contextMemory, shape, maxKvBytes / wish.parallel))
  return Math.min(metadata.trainContextTokens, wish.contextTokens, most)
}
