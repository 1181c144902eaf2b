import type { InferReceipt } from '../../spec/admin.ts'
import type { FinishReason, TokenUsage } from '../../spec/chat.ts'

/** What all parts of one answer have in common. */
export interface AnswerIdentity {
  readonly id: string
  readonly createdAtMs: number
  readonly model: string
}

interface EndOfAnswer {
  readonly finishReason: FinishReason
  readonly usage: TokenUsage
  readonly receipt: InferReceipt
}

/** The whole answer in one object (`stream: false`). */
export function encodeCompletion(identity: AnswerIdentity, text: string, end: EndOfAnswer): object {
  return {
    ...head(identity, 'chat.completion'),
    choices: [
      { index: 0, message: { role: 'assistant', content: text }, logprobs: null, finish_reason: end.finishReason },
    ],
    usage: encodeUsage(end),
  }
}

/** One piece of a stream; the first one carries the role. */
export function encodeDelta(identity: AnswerIdentity, delta: { role?: 'assistant'; content?: string }): object {
  return {
    ...head(identity, 'chat.completion.chunk'),
    choices: [{ index: 0, delta, logprobs: null, finish_reason: null }],
  }
}

/** The piece that says why the answer ended. grym's receipt stands in it, known only now. */
export function encodeFinish(identity: AnswerIdentity, end: EndOfAnswer): object {
  const choices = [{ index: 0, delta: {}, logprobs: null, finish_reason: end.finishReason }]
  return { ...head(identity, 'chat.completion.chunk'), choices, grym: encodeReceipt(end) }
}

/** The last piece when `stream_options.include_usage` asks for it. */
export function encodeUsageChunk(identity: AnswerIdentity, end: EndOfAnswer): object {
  return { ...head(identity, 'chat.completion.chunk'), choices: [], usage: encodeUsage(end) }
}

function head({ id, createdAtMs, model }: AnswerIdentity, object: string): object {
  return { id, object, created: Math.floor(createdAtMs / 1_000), model, system_fingerprint: null }
}

function encodeUsage(end: EndOfAnswer): object {
  const { promptTokens, cachedTokens, generatedTokens } = end.usage
  return {
    prompt_tokens: promptTokens,
    completion_tokens: generatedTokens,
    total_tokens: promptTokens + generatedTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    grym: encodeReceipt(end),
  }
}

function encodeReceipt({ receipt, usage }: EndOfAnswer): object {
  return {
    model: receipt.modelId,
    queue_wait_ms: Math.round(receipt.queueWaitMs),
    load_ms: Math.round(receipt.loadMs),
    cached_tokens: usage.cachedTokens,
    ...(receipt.conversationId !== undefined && { conversation: receipt.conversationId }),
  }
}
