import type { InferChunk, InferReceipt, InferRequest } from '../spec/admin.ts'
import type {
  AnswerFormat,
  AnswerOptions,
  AnswerPart,
  ChatImage,
  ChatMessage,
  FinishReason,
  SamplingOptions,
  TokenLogprob,
  TokenUsage,
  ToolChoice,
  ToolDefinition,
  WeighedToken,
} from '../spec/chat.ts'
import { resourceError } from '../spec/errors.ts'
import type { RestoreGain } from '../spec/restored-state.ts'
import { encodeWish } from './wish-wire.ts'
import { type EventResponse, errorOfBody } from './http-channel.ts'

interface ReceiptBody {
  readonly model?: string
  readonly queue_wait_ms?: number
  readonly load_ms?: number
  readonly conversation?: string
  readonly restored_tokens?: number
  readonly restore_ms?: number
  readonly saved_ms?: number | null
}

interface DeltaBody {
  readonly content?: string
  readonly reasoning_content?: string
  readonly tool_calls?: readonly {
    readonly id: string
    readonly function: { readonly name: string; readonly arguments: string }
  }[]
}

interface LogprobsBody {
  readonly content?: readonly (WeighedToken & { readonly top_logprobs: readonly WeighedToken[] })[]
  /** Of a text completion: parallel lists. */
  readonly tokens?: readonly string[]
  readonly token_logprobs?: readonly number[]
  readonly top_logprobs?: readonly Readonly<Record<string, number>>[]
}

interface ChunkBody {
  readonly id?: string
  readonly error?: unknown
  readonly choices?: readonly {
    readonly delta?: DeltaBody
    /** Of a text completion. */
    readonly text?: string
    readonly logprobs?: LogprobsBody | null
    readonly finish_reason?: string | null
  }[]
  readonly usage?: {
    readonly prompt_tokens: number
    readonly completion_tokens: number
    readonly prompt_tokens_details?: { readonly cached_tokens?: number }
    readonly completion_tokens_details?: { readonly reasoning_tokens?: number }
    readonly grym?: ReceiptBody
  } | null
  readonly grym?: ReceiptBody
}

/** The chunks of OpenAI's stream as the manager would have said them. */
export async function* readAnswer({ headers, events }: EventResponse): AsyncGenerator<InferChunk, void, undefined> {
  let receipt: InferReceipt | undefined
  let finishReason: FinishReason = 'stop'
  let restored: RestoreGain | undefined
  for await (const { data } of events) {
    if (data === '[DONE]') return
    const chunk = JSON.parse(data) as ChunkBody
    if (chunk.error !== undefined) throw errorOfBody(chunk, 500)
    if (!receipt) {
      receipt = receiptOf(chunk, headers)
      yield { type: 'start', receipt }
    }
    const [choice] = chunk.choices ?? []
    yield* partsOf(choice?.delta, choice?.text, choice?.logprobs)
    if (choice?.finish_reason) finishReason = FINISH_REASONS[choice.finish_reason] ?? 'stop'
    if (chunk.grym) receipt = { ...receipt, ...decodeReceipt(chunk.grym) }
    restored = restoredOf(chunk.usage?.grym ?? chunk.grym) ?? restored
    if (!chunk.usage) continue
    yield { type: 'end', finishReason, usage: usageOf(chunk.usage), receipt, ...(restored && { restored }) }
  }
  throw resourceError('engine-lost', 'The answer broke off. Ask again.')
}

function usageOf(body: NonNullable<ChunkBody['usage']>): TokenUsage {
  const {
    prompt_tokens: promptTokens,
    completion_tokens: generatedTokens,
    prompt_tokens_details: details,
    completion_tokens_details: { reasoning_tokens: reasoningTokens } = {},
  } = body
  return {
    promptTokens,
    cachedTokens: details?.cached_tokens ?? null,
    generatedTokens,
    ...(reasoningTokens !== undefined && { reasoningTokens }),
  }
}

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'toolCalls',
}

function* partsOf(
  delta: DeltaBody | undefined,
  completed: string | undefined,
  weights: LogprobsBody | null | undefined,
): Generator<AnswerPart> {
  if (delta?.reasoning_content) yield { type: 'reasoning', text: delta.reasoning_content }
  const text = delta?.content || completed
  const logprobs = weights ? logprobsOf(weights) : undefined
  if (text) yield { type: 'text', text, ...(logprobs && { logprobs }) }
  for (const { id, function: called } of delta?.tool_calls ?? []) {
    yield { type: 'toolCall', call: { id, name: called.name, arguments: called.arguments } }
  }
}

function logprobsOf({
  content,
  tokens,
  token_logprobs: values = [],
  top_logprobs: tops = [],
}: LogprobsBody): TokenLogprob[] {
  if (content) return content.map(({ top_logprobs: top, ...token }) => ({ ...token, top }))
  // This form has no bytes.
  return (tokens ?? []).map((token, index) => ({
    ...{ token, bytes: null, logprob: values[index] ?? 0 },
    top: Object.entries(tops[index] ?? {}).map(([other, logprob]) => ({ token: other, bytes: null, logprob })),
  }))
}

/** What is known when the answer begins stands in the headers. */
function receiptOf({ id }: ChunkBody, headers: Headers): InferReceipt {
  const conversationId = headers.get('x-grym-conversation')
  return {
    requestId: id ?? '',
    modelId: decodeURI(headers.get('x-grym-model') ?? ''),
    queueWaitMs: Number(headers.get('x-grym-queue-wait-ms') ?? 0),
    loadMs: Number(headers.get('x-grym-load-ms') ?? 0),
    ...(conversationId !== null && { conversationId }),
  }
}

function decodeReceipt({ model, queue_wait_ms, load_ms, conversation }: ReceiptBody): Partial<InferReceipt> {
  return {
    ...(model !== undefined && { modelId: model }),
    ...(queue_wait_ms !== undefined && { queueWaitMs: queue_wait_ms }),
    ...(load_ms !== undefined && { loadMs: load_ms }),
    ...(conversation !== undefined && { conversationId: conversation }),
  }
}

function restoredOf(body: ReceiptBody | undefined): RestoreGain | undefined {
  const { restored_tokens: tokens, restore_ms: restoreMs = 0, saved_ms: savedMs = null } = body ?? {}
  return tokens === undefined ? undefined : { tokens, restoreMs, savedMs }
}

const SAMPLING_FIELDS: Readonly<Record<keyof SamplingOptions, string>> = {
  temperature: 'temperature',
  topK: 'top_k',
  topP: 'top_p',
  minP: 'min_p',
  seed: 'seed',
  repeatPenalty: 'repeat_penalty',
  frequencyPenalty: 'frequency_penalty',
  presencePenalty: 'presence_penalty',
}

/** Where a request goes, and its body in OpenAI's form, always streamed. */
export function answerCall(request: InferRequest): { readonly path: string; readonly body: object } {
  const { model, messages, completion, sampling, maxTokens, stop, topLogprobs, conversation, wish } = request
  const options = Object.entries(sampling).map(([name, value]) => [
    SAMPLING_FIELDS[name as keyof SamplingOptions],
    value,
  ])
  const body = {
    model,
    stream: true,
    stream_options: { include_usage: true },
    ...(Object.fromEntries(options) as object),
    ...(maxTokens !== undefined && { max_tokens: maxTokens }),
    ...(stop.length > 0 && { stop }),
    ...encodeWish(wish),
  }
  if (completion) return { path: '/v1/completions', body: { ...body, ...completion, logprobs: topLogprobs } }
  return {
    path: '/v1/chat/completions',
    body: {
      ...body,
      messages: messages.map(encodeMessage),
      ...encodeAnswerOptions(request),
      // A header could not carry every name.
      ...(conversation?.explicitId !== undefined && { metadata: { conversation_id: conversation.explicitId } }),
    },
  }
}

export function encodeAnswerOptions({
  tools,
  toolChoice,
  parallelToolCalls,
  format,
  topLogprobs,
  thinking,
}: AnswerOptions): object {
  return {
    ...(tools && { tools: tools.map(encodeTool) }),
    ...(toolChoice !== undefined && { tool_choice: encodeChoice(toolChoice) }),
    ...(parallelToolCalls !== undefined && { parallel_tool_calls: parallelToolCalls }),
    ...(format && { response_format: encodeFormat(format) }),
    ...(topLogprobs !== undefined && { logprobs: true, top_logprobs: topLogprobs }),
    ...(thinking !== undefined && { chat_template_kwargs: { enable_thinking: thinking } }),
  }
}

function encodeTool(definition: ToolDefinition): object {
  return { type: 'function', function: definition }
}

function encodeChoice(choice: ToolChoice): unknown {
  return typeof choice === 'string' ? choice : { type: 'function', function: choice }
}

function encodeFormat(format: AnswerFormat): object {
  if (format.type === 'json') return { type: 'json_object' }
  return format.type === 'text'
    ? format
    : { type: 'json_schema', json_schema: { name: 'answer', schema: format.schema } }
}

function encodeImage({ mimeType, base64 }: ChatImage): object {
  return { type: 'image_url', image_url: { url: `data:${mimeType};base64,${base64}` } }
}

export function encodeMessage({ role, content, images, toolCalls, toolCallId, reasoning }: ChatMessage): object {
  const calls = toolCalls?.map(({ id, name, arguments: text }) => ({
    id,
    type: 'function',
    function: { name, arguments: text },
  }))
  return {
    role,
    content: images ? [{ type: 'text', text: content }, ...images.map(encodeImage)] : content,
    ...(calls && { tool_calls: calls }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
    ...(reasoning !== undefined && { reasoning_content: reasoning }),
  }
}
