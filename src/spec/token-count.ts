import type { AnswerOptions, ChatMessage } from './chat.ts'

/** How many tokens some messages are as a prompt, template and generation prompt included. */
export interface TokenCount {
  readonly tokens: number
  /** `exact`: the model's own template and tokenizer; `estimated`: from bytes, by a ratio learned from real prompts. */
  readonly source: 'exact' | 'estimated'
}

/** What takes tokens of a prompt beside its messages. */
export type PromptOptions = Pick<AnswerOptions, 'tools' | 'toolChoice' | 'thinking'>

/** All that takes tokens of a prompt. */
export interface CountedPrompt extends PromptOptions {
  readonly messages: readonly ChatMessage[]
}

/** The one counter of the product. What cannot be counted (its engine is not here) is estimated, and says so. */
export type CountTokens = (
  model: string | undefined,
  messages: readonly ChatMessage[],
  signal: AbortSignal,
  /** Absent = messages alone. */
  options?: PromptOptions,
) => Promise<TokenCount>
