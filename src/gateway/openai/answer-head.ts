import { randomUUID } from 'node:crypto'
import type { FinishReason } from '../../spec/chat.ts'
import { encodeReceipt } from '../answer/receipt.ts'
import type { EndOfAnswer } from '../answer/answer-writer.ts'

/** What all objects of one answer begin with. */
export class AnswerHead {
  readonly #id: string
  readonly #createdS = Math.floor(Date.now() / 1_000)

  /** @param idPrefix `chatcmpl-`, `cmpl-` */
  constructor(idPrefix: string) {
    this.#id = `${idPrefix}${randomUUID()}`
  }

  /** @param object its type, as the API names it. */
  of(object: string, model: string): object {
    return { id: this.#id, object, created: this.#createdS, model, system_fingerprint: null }
  }
}

export const FINISH_REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  length: 'length',
  toolCalls: 'tool_calls',
}

/** `usage` of chat and text completions. */
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
