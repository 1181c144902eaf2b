/** What is kept, at most; beyond it those that were used longest ago go. */
export interface ConversationLimits {
  /** Of conversations; and as many responses are kept. */
  readonly maxConversations: number
  /** Text that lies in the store, shared messages once, and what its rows take; responses too. */
  readonly maxBytes: number
  /** Since a conversation was last used, ms. */
  readonly maxAgeMs: number
}

export const DEFAULT_CONVERSATION_LIMITS: ConversationLimits = {
  maxConversations: 200_000,
  maxBytes: 1024 ** 3,
  maxAgeMs: 30 * 24 * 60 * 60 * 1_000,
}

/** What is in the store. */
export interface ConversationTotals {
  readonly conversations: number
  readonly messages: number
  /** What `maxBytes` limits. */
  readonly bytes: number
}

/** Whether the conversation that was used longest ago has to go. */
export function isSurplus(
  { conversations, bytes }: ConversationTotals,
  limits: ConversationLimits,
  unusedMs: number,
): boolean {
  return conversations > limits.maxConversations || bytes > limits.maxBytes || unusedMs > limits.maxAgeMs
}
