import type { EndOfAnswer } from '../answer/answer-writer.ts'
import { encodeReceipt } from '../answer/receipt.ts'

/**
 * `usage` of Anthropic's API, where `input_tokens` are those that were not read from a cache. Nothing is ever written to one
 * at a price of its own, so `cache_creation_input_tokens` is 0; what was reused is `null` where the engine does not tell.
 */
export function encodeUsage(end: EndOfAnswer): object {
  const { promptTokens, cachedTokens, generatedTokens, reasoningTokens } = end.usage
  return {
    input_tokens: promptTokens - (cachedTokens ?? 0),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedTokens,
    output_tokens: generatedTokens,
    ...(reasoningTokens !== undefined && { output_tokens_details: { thinking_tokens: reasoningTokens } }),
    grym: encodeReceipt(end),
  }
}

/** What a stream begins with. How long the prompt is is known when it was read: the last event of the stream tells. */
export const UNKNOWN_USAGE: object = {
  input_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: 0,
}
