import type { InferChunk, InferReceipt, InferRequest } from '../spec/admin.ts'
import type { ChatMessage, FinishReason, SamplingOptions } from '../spec/chat.ts'
import { resourceError } from '../spec/errors.ts'
import { type EventResponse, errorOfBody } from './http-channel.ts'

interface ReceiptBody {
  readonly model?: string
  readonly queue_wait_ms?: number
  readonly load_ms?: number
  readonly conversation?: string
}

interface ChunkBody {
  readonly id?: string
  readonly error?: unknown
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string }
    readonly finish_reason?: string | null
  }[]
  readonly usage?: {
    readonly prompt_tokens: number
    readonly completion_tokens: number
    readonly prompt_tokens_details?: { readonly cached_tokens?: number }
  } | null
  readonly grym?: ReceiptBody
}

/** The chunks of OpenAI's stream as the manager would have said them. */
export async function* readAnswer({ headers, events }: EventResponse): AsyncGenerator<InferChunk, void, undefined> {
  let receipt: InferReceipt | undefined
  let finishReason: FinishReason = 'stop'
  for await (const { data } of events) {
    if (data === '[DONE]') return
    const chunk = JSON.parse(data) as ChunkBody
    if (chunk.error !== undefined) throw errorOfBody(chunk, 500)
    if (!receipt) {
      receipt = receiptOf(chunk, headers)
      yield { type: 'start', receipt }
    }
    const [choice] = chunk.choices ?? []
    if (choice?.delta?.content) yield { type: 'text', text: choice.delta.content }
    if (choice?.finish_reason) finishReason = choice.finish_reason === 'length' ? 'length' : 'stop'
    if (chunk.grym) receipt = { ...receipt, ...decodeReceipt(chunk.grym) }
    if (!chunk.usage) continue
    const {
      prompt_tokens: promptTokens,
      completion_tokens: generatedTokens,
      prompt_tokens_details: details,
    } = chunk.usage
    const usage = { promptTokens, cachedTokens: details?.cached_tokens ?? 0, generatedTokens }
    yield { type: 'end', finishReason, usage, receipt }
  }
  throw resourceError('engine-lost', 'The answer broke off. Ask again.')
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

/** A chat request in OpenAI's form, always streamed. */
export function chatBody({ model, messages, sampling, maxTokens, stop, conversation }: InferRequest): object {
  const options = Object.entries(sampling).map(([name, value]) => [
    SAMPLING_FIELDS[name as keyof SamplingOptions],
    value,
  ])
  return {
    model,
    messages: messages.map(encodeMessage),
    stream: true,
    stream_options: { include_usage: true },
    ...(Object.fromEntries(options) as object),
    ...(maxTokens !== undefined && { max_tokens: maxTokens }),
    ...(stop.length > 0 && { stop }),
    // A header could not carry every name.
    ...(conversation?.explicitId !== undefined && { metadata: { conversation_id: conversation.explicitId } }),
  }
}

export function encodeMessage({ role, content, toolCalls, toolCallId, reasoning }: ChatMessage): object {
  const calls = toolCalls?.map(({ id, name, arguments: text }) => ({
    id,
    type: 'function',
    function: { name, arguments: text },
  }))
  return {
    role,
    content,
    ...(calls && { tool_calls: calls }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
    ...(reasoning !== undefined && { reasoning_content: reasoning }),
  }
}
