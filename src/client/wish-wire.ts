import type { ModelWish } from '../spec/model-wish.ts'

/** Fields of a body, as every route of grym reads them. */
export function encodeWish({ keepAliveMs, priority, pinned, contextTokens }: ModelWish = {}): object {
  return {
    ...(keepAliveMs !== undefined && { keep_alive: keepAliveMs === null ? -1 : keepAliveMs / 1_000 }),
    ...(priority !== undefined && { priority }),
    ...(pinned !== undefined && { pin: pinned }),
    ...(contextTokens !== undefined && { num_ctx: contextTokens }),
  }
}
