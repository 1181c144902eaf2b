import type { InferReceipt } from '../../spec/admin.ts'
import type { AnswerPart, FinishReason, TokenUsage } from '../../spec/chat.ts'

/** What all parts of one answer have in common. */
export interface AnswerIdentity {
  readonly id: string
  readonly createdAtMs: number
  readonly model: string
}

export interface EndOfAnswer {
  readonly finishReason: FinishReason
  readonly usage: TokenUsage
  readonly receipt: InferReceipt
}

/** How one kind of answer is written, whole and in pieces. */
export interface AnswerEncoding {
  readonly idPrefix: string
  readonly whole: (identity: AnswerIdentity, parts: readonly AnswerPart[], end: EndOfAnswer) => object
  /** The first piece of a stream; `undefined` = there is none before the first part. */
  readonly begin: (identity: AnswerIdentity) => object | undefined
  /** @param index of the part among those of its own type. */
  readonly part: (identity: AnswerIdentity, part: AnswerPart, index: number) => object
  /** The piece that says why the answer ended. grym's receipt stands in it, known only now. */
  readonly finish: (identity: AnswerIdentity, end: EndOfAnswer) => object
  /** The last piece when `stream_options.include_usage` asks for it. */
  readonly usage: (identity: AnswerIdentity, end: EndOfAnswer) => object
}

export const FINISH_REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  length: 'length',
  toolCalls: 'tool_calls',
}

export function encodeHead({ id, createdAtMs, model }: AnswerIdentity, object: string): object {
  return { id, object, created: Math.floor(createdAtMs / 1_000), model, system_fingerprint: null }
}

export function encodeUsage(end: EndOfAnswer): object {
  const { promptTokens, cachedTokens, generatedTokens, reasoningTokens } = end.usage
  return {
    prompt_tokens: promptTokens,
    completion_tokens: generatedTokens,
    total_tokens: promptTokens + generatedTokens,
    ...(cachedTokens !== null && { prompt_tokens_details: { cached_tokens: cachedTokens } }),
    ...(reasoningTokens !== undefined && { completion_tokens_details: { reasoning_tokens: reasoningTokens } }),
    grym: encodeReceipt(end),
  }
}

export function encodeReceipt({ receipt, usage }: EndOfAnswer): object {
  return {
    model: receipt.modelId,
    queue_wait_ms: Math.round(receipt.queueWaitMs),
    load_ms: Math.round(receipt.loadMs),
    cached_tokens: usage.cachedTokens,
    ...(receipt.conversationId !== undefined && { conversation: receipt.conversationId }),
  }
}

/** All of one kind of text, in order. */
export function textOf(parts: readonly AnswerPart[], type: 'text' | 'reasoning'): string {
  return parts.map((part) => (part.type === type ? part.text : '')).join('')
}
