import type { FastifyReply } from 'fastify'
import type { InferReceipt } from '../../spec/admin.ts'
import type { EndOfAnswer } from './answer-writer.ts'

/** Puts what is known of an answer into the headers of its response; its end is known late, when a stream's headers are out. */
export function writeReceipt(
  reply: FastifyReply,
  receipt: InferReceipt,
  end?: Pick<EndOfAnswer, 'usage' | 'restored'>,
): void {
  reply.header('X-Grym-Model', encodeURI(receipt.modelId))
  reply.header('X-Grym-Queue-Wait-Ms', Math.round(receipt.queueWaitMs))
  reply.header('X-Grym-Load-Ms', Math.round(receipt.loadMs))
  if (receipt.conversationId !== undefined) reply.header('X-Grym-Conversation', receipt.conversationId)
  if (!end) return
  const { usage, restored } = end
  if (usage.cachedTokens !== null) reply.header('X-Grym-Cached-Tokens', usage.cachedTokens)
  if (!restored) return
  reply.header('X-Grym-Restored-Tokens', restored.tokens)
  if (restored.savedMs !== null) reply.header('X-Grym-Saved-Ms', Math.round(restored.savedMs))
}

/** The same as a part of a body: `usage.grym` of OpenAI and Anthropic, `grym` of Ollama's last object. */
export function encodeReceipt({
  receipt,
  usage,
  restored,
}: Pick<EndOfAnswer, 'receipt' | 'usage' | 'restored'>): object {
  return {
    model: receipt.modelId,
    queue_wait_ms: Math.round(receipt.queueWaitMs),
    load_ms: Math.round(receipt.loadMs),
    cached_tokens: usage.cachedTokens,
    ...(restored && {
      restored_tokens: restored.tokens,
      restore_ms: Math.round(restored.restoreMs),
      saved_ms: restored.savedMs === null ? null : Math.round(restored.savedMs),
    }),
    ...(receipt.conversationId !== undefined && { conversation: receipt.conversationId }),
  }
}
