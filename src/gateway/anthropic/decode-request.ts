import { z } from 'zod'
import type { InferRequest } from '../../spec/admin.ts'
import { resourceError } from '../../spec/errors.ts'
import { checkBody, invalid } from '../check-body.ts'
import { namedConversation } from '../openai/named-conversation.ts'
import { decodeFields, requestFields } from '../openai/request-fields.ts'
import type { SaidInBody } from '../reception.ts'
import { wishFields } from '../request-wish.ts'
import { messageSchema, textBlocks } from './content-block.ts'
import { answerFields, decodeAnswerOptions, showsThinking } from './decode-options.ts'
import { decodeConversation } from './decode-turn.ts'

const MAX_MESSAGES = 10_000
const { model, stream, max_tokens, temperature, top_p, top_k, stop } = requestFields

/**
 * What is understood of a request. Fields that are not named here (`cache_control`, `service_tier`, …) are accepted and
 * have no effect.
 */
const messagesRequest = z.looseObject({
  ...wishFields,
  ...answerFields,
  ...{ model, stream, temperature, top_p, top_k, stop_sequences: stop },
  // Anthropic's API demands it. Here an answer without it may be as long as the window, as in the other dialects.
  max_tokens,
  system: textBlocks.nullish(),
  messages: z.array(messageSchema).min(1).max(MAX_MESSAGES),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  thread: z.unknown().optional(),
})

export interface DecodedRequest {
  readonly request: InferRequest
  readonly said: SaidInBody
  /** Is what the model thinks a part of the answer? */
  readonly showsThinking: boolean
}

/**
 * Decodes a body of `POST /v1/messages` (https://docs.anthropic.com/en/api/messages). Throws `invalid-request` naming the
 * field, the value's fault and what is allowed.
 */
export function decodeRequest(body: unknown): DecodedRequest {
  const decoded = decodeCountRequest(body)
  if (decoded.request.messages.at(-1)?.role !== 'assistant') return decoded
  const message =
    "messages: the last one is the assistant's, but no answer is continued here. End with one of the user."
  throw invalid(message, 'messages')
}

/** The same for `POST /v1/messages/count_tokens`: what an assistant said last can be counted, too. */
export function decodeCountRequest(body: unknown): DecodedRequest {
  const asked = checkBody(messagesRequest, body)
  if (asked.thread != null) throw noThreads()
  return {
    request: {
      ...decodeFields({ ...asked, stop: asked.stop_sequences }),
      messages: decodeConversation(asked.system ?? [], asked.messages),
      ...decodeAnswerOptions(asked),
    },
    // `metadata.user_id` names a person or a whole session with all its side questions, so it names no conversation.
    said: { conversationId: namedConversation({ metadata: asked.metadata }), wish: asked },
    showsThinking: showsThinking(asked),
  }
}

/**
 * A thread is a conversation that Anthropic's servers keep, of which clients send the newest turn alone. The SDK opens one for
 * its tool runner by itself; told by this code that there is none, it goes on with whole conversations.
 */
function noThreads(): Error {
  const message =
    'thread: is not served. Send the whole conversation without it; grym finds by itself what it knows of it.'
  const details = { param: 'thread', errorCode: 'thread_unsupported_request' }
  return resourceError('invalid-request', message, { details })
}
