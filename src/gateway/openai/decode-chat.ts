import { z } from 'zod'
import type { InferRequest } from '../../spec/admin.ts'
import type { RawRequest } from '../../spec/chat.ts'
import { checkBody } from '../check-body.ts'
import type { SaidInBody } from '../reception.ts'
import { wishFields } from '../request-wish.ts'
import { answerFields, decodeAnswerOptions } from './decode-answer-options.ts'
import { decodeMessage, messageSchema } from './decode-message.ts'
import { namedConversation } from './named-conversation.ts'
import { decodeFields, requestFields } from './request-fields.ts'

const MAX_MESSAGES = 10_000

/**
 * What is understood of a chat request. Fields that are not named here are accepted and have no effect, among them those
 * without which no answer is wrong: `user`, `safety_identifier`, `service_tier`, `store`, `verbosity` and `prediction` (a
 * hint that makes answers faster where an engine can use it).
 */
const chatRequest = z.looseObject({
  ...requestFields,
  ...wishFields,
  ...answerFields,
  messages: z.array(messageSchema).min(1).max(MAX_MESSAGES),
  max_completion_tokens: requestFields.max_tokens,
  metadata: z.record(z.string(), z.unknown()).nullish(),
  prompt_cache_key: z.string().nullish(),
  modalities: z.array(z.literal('text', { error: 'must be text: no engine here speaks' })).nullish(),
  audio: z.null({ error: 'is not served: no engine here speaks' }).optional(),
  web_search_options: z.null({ error: 'is not served: grym asks nobody on the web' }).optional(),
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
