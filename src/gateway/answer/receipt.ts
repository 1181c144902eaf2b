import type { FastifyReply } from 'fastify'
import type { InferReceipt } from '../../spec/admin.ts'
import type { TokenUsage } from '../../spec/chat.ts'
import type { EndOfAnswer } from './answer-writer.ts'

/** Puts what is known of an answer into the headers of its response; `usage` is known late, at the end of a stream. */
export function writeReceipt(reply: FastifyReply, receipt: InferReceipt, usage?: TokenUsage): void {
  reply.header('X-Grym-Model', encodeURI(receipt.modelId))
  reply.header('X-Grym-Queue-Wait-Ms', Math.round(receipt.queueWaitMs))
  reply.header('X-Grym-Load-Ms', Math.round(receipt.loadMs))
  if (receipt.conversationId !== undefined) reply.header('X-Grym-Conversation', receipt.conversationId)
  if (usage && usage.cachedTokens !== null) reply.header('X-Grym-Cached-Tokens', usage.cachedTokens)
}

/** The same as a part of a body: `usage.grym` of OpenAI and Anthropic, `grym` of Ollama's last object. */
export function encodeReceipt({ receipt, usage }: Pick<EndOfAnswer, 'receipt' | 'usage'>): object {
  return {
    model: receipt.modelId,
    queue_wait_ms: Math.round(receipt.queueWaitMs),
    load_ms: Math.round(receipt.loadMs),
    cached_tokens: usage.cachedTokens,
    ...(receipt.conversationId !== undefined && { conversation: receipt.conversationId }),
  }
}
