import type { ChatMessage } from './chat.ts'

/** How many tokens some messages are as a prompt, template and generation prompt included. */
export interface TokenCount {
  readonly tokens: number
  /** `exact`: the model's own template and tokenizer; `estimated`: from bytes, by a ratio learned from real prompts. */
  readonly source: 'exact' | 'estimated'
}

/** The one counter of the product. What cannot be counted (its engine is not here) is estimated, and says so. */
export type CountTokens = (
  model: string | undefined,
  messages: readonly ChatMessage[],
  signal: AbortSignal,
) => Promise<TokenCount>
