import { z } from 'zod'
import { checkBody } from '../check-body.ts'
import { answerFields as openAiFields, decodeAnswerOptions } from '../openai/decode-answer-options.ts'
import { answerFields, decodeAnswer, type DecodedAnswer } from './answer-fields.ts'
import { decodeMessages, messageSchema } from './decode-messages.ts'

const MAX_MESSAGES = 10_000

/** Tools are described as in OpenAI's API. */
const chatRequest = z.looseObject({
  ...answerFields,
  messages: z.array(messageSchema).max(MAX_MESSAGES).nullish(),
  tools: openAiFields.tools,
})

/**
 * Decodes a body of `POST /api/chat`; no messages = the model is to be loaded, or unloaded. Throws `invalid-request` naming
 * the field, the value's fault and what is allowed.
 */
export function decodeChat(body: unknown): DecodedAnswer {
  const chat = checkBody(chatRequest, body)
  return decodeAnswer(chat, {
    messages: decodeMessages(chat.messages ?? []),
    ...decodeAnswerOptions({ tools: chat.tools }),
  })
}
