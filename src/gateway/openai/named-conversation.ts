/** Fields by which OpenAI's clients can say which conversation a request belongs to. */
export interface ConversationFields {
  readonly metadata?: Readonly<Record<string, unknown>> | null | undefined
  readonly prompt_cache_key?: string | null | undefined
}

/** `metadata.conversation_id`, else OpenAI's `prompt_cache_key`. */
export function namedConversation({ metadata, prompt_cache_key }: ConversationFields): string | undefined {
  const named = metadata?.['conversation_id']
  return (typeof named === 'string' && named) || prompt_cache_key || undefined
}
