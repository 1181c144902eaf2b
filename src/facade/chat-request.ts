import { z } from 'zod'
import type { InferRequest } from '../spec/admin.ts'
import type { ChatMessage } from '../spec/chat.ts'
import { LOCAL_OWNER } from '../spec/conversations.ts'
import { resourceError } from '../spec/errors.ts'
import type { ChatRequest } from './chat-types.ts'

/** The limits of the HTTP API, so that a call means the same wherever it is served. */
const MAX_MESSAGES = 10_000
const stopText = z.string().max(1_000)
const toolCall = z.object({ id: z.string(), name: z.string(), arguments: z.string() })
const message = z.object({
  role: z.enum(['system', 'user', 'assistant', 'tool'], { error: 'must be system, user, assistant or tool' }),
  content: z.string({ error: 'must be text' }),
  toolCalls: z.array(toolCall).optional(),
  toolCallId: z.string().optional(),
  reasoning: z.string().optional(),
})
const messages = z.array(message).min(1, 'must have at least one message').max(MAX_MESSAGES)
const share = z.number().min(0).max(1).optional()
const request = z.object({
  model: z.string().min(1).optional(),
  messages,
  conversationId: z.string().min(1).max(256).optional(),
  maxTokens: z.number().int().min(1).optional(),
  temperature: z.number().min(0).max(2).optional(),
  seed: z.number().int().optional(),
  topK: z.number().int().min(0).optional(),
  topP: share,
  minP: share,
  stop: z.union([stopText, z.array(stopText).max(16)]).optional(),
  tools: z.array(z.unknown()).max(0, 'are not served by this version yet; leave them out').optional(),
  responseFormat: z.undefined({ error: 'is not served by this version yet; leave it out' }).optional(),
})

/** What the manager is asked. Throws `invalid-request` naming the field and what is allowed. */
export function inferRequest(chat: ChatRequest): InferRequest {
  const {
    model,
    conversationId,
    maxTokens,
    stop,
    messages: said,
    temperature,
    seed,
    topK,
    topP,
    minP,
  } = checked(request, chat)
  const sampling = { temperature, seed, topK, topP, minP }
  return {
    model,
    messages: said as readonly ChatMessage[],
    sampling: Object.fromEntries(Object.entries(sampling).filter(([, value]) => value !== undefined)),
    stop: typeof stop === 'string' ? [stop] : (stop ?? []),
    isStreamed: true,
    ...(maxTokens !== undefined && { maxTokens }),
    conversation: { owner: LOCAL_OWNER, ...(conversationId !== undefined && { explicitId: conversationId }) },
  }
}

/** Messages to be counted. Throws `invalid-request`. */
export function checkedMessages(value: unknown): readonly ChatMessage[] {
  return checked(z.object({ messages: z.array(message) }), { messages: value }).messages as readonly ChatMessage[]
}

function checked<Output>(schema: z.ZodType<Output>, value: unknown): Output {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const path = (issue?.path ?? []).map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('')
  const field = path.replace(/^\./, '') || 'the request'
  throw resourceError('invalid-request', `${field}: ${issue?.message ?? 'is not valid'}.`, {
    details: { param: field },
  })
}
