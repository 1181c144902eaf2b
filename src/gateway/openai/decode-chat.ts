import { z } from 'zod'
import type { InferRequest } from '../../spec/admin.ts'
import type { RawRequest } from '../../spec/chat.ts'
import { checkBody } from '../check-body.ts'
import type { SaidInBody } from '../reception.ts'
import { wishFields } from '../request-wish.ts'
import { answerFields, decodeAnswerOptions } from './decode-answer-options.ts'
import { decodeMessage, messageSchema } from './decode-message.ts'
import { decodeFields, requestFields } from './request-fields.ts'

const MAX_MESSAGES = 10_000

/** What is understood of a chat request. Fields that are not named here are accepted and have no effect. */
const chatRequest = z.looseObject({
  ...requestFields,
  ...wishFields,
  ...answerFields,
  messages: z.array(messageSchema).min(1).max(MAX_MESSAGES),
  max_completion_tokens: requestFields.max_tokens,
  metadata: z.record(z.string(), z.unknown()).nullish(),
  prompt_cache_key: z.string().nullish(),
})

export interface DecodedChat {
  readonly request: InferRequest
  readonly includeUsage: boolean
  readonly said: SaidInBody
  readonly raw: RawRequest
}

/** Decodes a body of `POST /v1/chat/completions`. Throws `invalid-request` naming the field, the value's fault and what is allowed. */
export function decodeChat(body: unknown): DecodedChat {
  const chat = checkBody(chatRequest, body)
  const maxTokens = chat.max_completion_tokens
  return {
    request: {
      ...decodeFields(chat),
      messages: chat.messages.map(decodeMessage),
      ...(maxTokens != null && { maxTokens }),
      ...decodeAnswerOptions(chat),
    },
    includeUsage: chat.stream_options?.include_usage ?? false,
    said: { conversationId: namedConversation(chat), wish: chat },
    raw: { dialect: 'openai-chat', body: withoutWishes(chat), isStreamed: chat.stream ?? false },
  }
}

/** What is meant for grym stays here. */
function withoutWishes(chat: z.infer<typeof chatRequest>): RawRequest['body'] {
  const { keep_alive: _, ttl: __, pin: ___, priority: ____, ...rest } = chat
  return rest
}

/** `metadata.conversation_id`, else OpenAI's `prompt_cache_key`. */
function namedConversation({ metadata, prompt_cache_key }: z.infer<typeof chatRequest>): string | undefined {
  const named = metadata?.['conversation_id']
  return (typeof named === 'string' && named) || prompt_cache_key || undefined
}
