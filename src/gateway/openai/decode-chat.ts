import { z } from 'zod'
import type { InferRequest } from '../../spec/admin.ts'
import type { SamplingOptions } from '../../spec/chat.ts'
import { decodeMessage, invalid, messageSchema } from './decode-message.ts'

const MAX_MESSAGES = 10_000
const MAX_STOPS = 16
const MAX_STOP_CHARACTERS = 1_000

const optionalNumber = (least: number, most: number): z.ZodType<number | null | undefined> =>
  z.number().min(least).max(most).nullish()
const optionalCount = (least: number): z.ZodType<number | null | undefined> =>
  z.number().int().min(least).max(Number.MAX_SAFE_INTEGER).nullish()

/** What is understood of a chat request. Fields that are not named here are accepted and have no effect. */
const chatRequest = z.looseObject({
  model: z.string().nullish(),
  messages: z.array(messageSchema).min(1).max(MAX_MESSAGES),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  max_tokens: optionalCount(1),
  max_completion_tokens: optionalCount(1),
  temperature: optionalNumber(0, 2),
  top_p: optionalNumber(0, 1),
  top_k: optionalCount(0),
  min_p: optionalNumber(0, 1),
  seed: z.number().int().nullish(),
  repeat_penalty: optionalNumber(0, 10),
  frequency_penalty: optionalNumber(-2, 2),
  presence_penalty: optionalNumber(-2, 2),
  stop: z
    .union([z.string().max(MAX_STOP_CHARACTERS), z.array(z.string().max(MAX_STOP_CHARACTERS)).max(MAX_STOPS)])
    .nullish(),
  n: z.literal(1, { error: 'must be 1: one answer a request' }).nullish(),
  tools: z.array(z.unknown()).nullish(),
  tool_choice: z.unknown().optional(),
  response_format: z.looseObject({ type: z.string() }).nullish(),
  logprobs: z.boolean().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  prompt_cache_key: z.string().nullish(),
})

export interface DecodedChat {
  readonly request: InferRequest
  readonly includeUsage: boolean
  /** The client's own name for the conversation, in a field of the body. */
  readonly conversationId: string | undefined
}

/** Decodes a body of `POST /v1/chat/completions`. Throws `invalid-request` naming the field, the value's fault and what is allowed. */
export function decodeChat(body: unknown): DecodedChat {
  const parsed = chatRequest.safeParse(body)
  if (!parsed.success) throw describeIssue(parsed.error)
  const chat = parsed.data
  refuseUnserved(chat)
  const maxTokens = chat.max_completion_tokens ?? chat.max_tokens
  return {
    request: {
      model: chat.model ?? undefined,
      messages: chat.messages.map(decodeMessage),
      sampling: decodeSampling(chat),
      stop: typeof chat.stop === 'string' ? [chat.stop] : (chat.stop ?? []),
      isStreamed: chat.stream ?? false,
      ...(maxTokens != null && { maxTokens }),
    },
    includeUsage: chat.stream_options?.include_usage ?? false,
    conversationId: namedConversation(chat),
  }
}

/** `metadata.conversation_id`, else OpenAI's `prompt_cache_key`. */
function namedConversation({ metadata, prompt_cache_key }: z.infer<typeof chatRequest>): string | undefined {
  const named = metadata?.['conversation_id']
  return (typeof named === 'string' && named) || prompt_cache_key || undefined
}

function decodeSampling(chat: z.infer<typeof chatRequest>): SamplingOptions {
  const pairs: [keyof SamplingOptions, number | null | undefined][] = [
    ['temperature', chat.temperature],
    ['topK', chat.top_k],
    ['topP', chat.top_p],
    ['minP', chat.min_p],
    ['seed', chat.seed],
    ['repeatPenalty', chat.repeat_penalty],
    ['frequencyPenalty', chat.frequency_penalty],
    ['presencePenalty', chat.presence_penalty],
  ]
  return Object.fromEntries(pairs.filter(([, value]) => value != null))
}

/** What would change the answer and is not served yet is refused, never ignored. */
function refuseUnserved(chat: z.infer<typeof chatRequest>): void {
  const usesTools = (chat.tools?.length ?? 0) > 0 && chat.tool_choice !== 'none'
  if (usesTools)
    throw invalid('tools are not served by this version yet. Leave them out, or set tool_choice to none.', 'tools')
  const format = chat.response_format?.type ?? 'text'
  if (format !== 'text') {
    throw invalid(`response_format '${format}' is not served by this version yet; only 'text' is.`, 'response_format')
  }
  if (chat.logprobs) throw invalid('logprobs are not served by this version yet. Leave them out.', 'logprobs')
}

function describeIssue(error: z.ZodError): Error {
  const issue = error.issues[0]
  const path = (issue?.path ?? []).map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('')
  const field = path.replace(/^\./, '') || 'the body'
  return invalid(`${field}: ${issue?.message ?? 'is not valid'}.`, field)
}
