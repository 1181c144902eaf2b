import { z } from 'zod'
import type { InferRequest } from '../spec/admin.ts'
import type { ChatMessage, ToolChoice, ToolDefinition } from '../spec/chat.ts'
import { LOCAL_OWNER } from '../spec/owner-id.ts'
import { resourceError } from '../spec/errors.ts'
import { MAX_TOOLS, MAX_TOP_LOGPROBS, TOOL_NAME, TOOL_NAME_WORDS } from '../spec/tool-limits.ts'
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
const toolName = z.string({ error: 'must be text' }).regex(TOOL_NAME, TOOL_NAME_WORDS)
const tool = z.object({
  name: toolName,
  description: z.string().optional(),
  parameters: z.record(z.string(), z.unknown()).optional(),
  strict: z.boolean().optional(),
})
const toolChoice = z.union([z.enum(['auto', 'none', 'required']), z.object({ name: z.string() })], {
  error: 'must be auto, none, required, or {name} of a tool',
})
const responseFormat = z.union(
  [z.object({ type: z.enum(['text', 'json']) }), z.object({ type: z.literal('schema'), schema: z.unknown() })],
  { error: "must be {type: 'text'}, {type: 'json'} or {type: 'schema', schema}" },
)
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
  tools: z.array(tool).max(MAX_TOOLS).optional(),
  toolChoice: toolChoice.optional(),
  responseFormat: responseFormat.optional(),
  topLogprobs: z.number().int().min(0).max(MAX_TOP_LOGPROBS).optional(),
  thinking: z.boolean().optional(),
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
    tools,
    toolChoice: choice,
    responseFormat: format,
    topLogprobs,
    thinking,
  } = checked(request, chat)
  refuseUnknownTool(choice, tools)
  const sampling = { temperature, seed, topK, topP, minP }
  return {
    model,
    messages: said as readonly ChatMessage[],
    sampling: Object.fromEntries(Object.entries(sampling).filter(([, value]) => value !== undefined)),
    stop: typeof stop === 'string' ? [stop] : (stop ?? []),
    isStreamed: true,
    ...(maxTokens !== undefined && { maxTokens }),
    ...(tools && tools.length > 0 && { tools: tools as readonly ToolDefinition[] }),
    ...(choice !== undefined && { toolChoice: choice }),
    ...(format && { format }),
    ...(topLogprobs !== undefined && { topLogprobs }),
    ...(thinking !== undefined && { thinking }),
    conversation: { owner: LOCAL_OWNER, ...(conversationId !== undefined && { explicitId: conversationId }) },
  }
}

function refuseUnknownTool(choice: ToolChoice | undefined, tools: readonly { readonly name: string }[] = []): void {
  if (choice === undefined || choice === 'auto' || choice === 'none') return
  if (tools.length === 0) throw invalid('toolChoice', 'asks for a call, but there are no tools')
  if (choice === 'required' || tools.some(({ name }) => name === choice.name)) return
  throw invalid('toolChoice', `names '${choice.name.slice(0, 128)}', which is none of the tools`)
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
  throw invalid(field, issue?.message ?? 'is not valid')
}

function invalid(field: string, what: string): Error {
  return resourceError('invalid-request', `${field}: ${what}.`, { details: { param: field } })
}
