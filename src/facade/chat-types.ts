import type {
  AnswerFormat,
  ChatMessage,
  FinishReason,
  SamplingOptions,
  TokenLogprob,
  TokenUsage,
  ToolChoice,
  ToolDefinition,
} from '../spec/chat.ts'
import type { RestoreGain } from '../spec/restored-state.ts'

export interface ChatRequest extends Pick<SamplingOptions, 'temperature' | 'seed' | 'topK' | 'topP' | 'minP'> {
  /** Default: the model that is configured for requests that name none. */
  readonly model?: string
  readonly messages: readonly ChatMessage[]
  /** Your own name for the conversation; without one it is found by its messages. */
  readonly conversationId?: string
  readonly maxTokens?: number
  readonly stop?: string | readonly string[]
  readonly tools?: readonly ToolDefinition[]
  /** Default `auto`. */
  readonly toolChoice?: ToolChoice
  /** Default text. With a schema the answer is always valid JSON of it, unless `maxTokens` cuts it. */
  readonly responseFormat?: AnswerFormat
  /** Alternatives told with each token's log probability, 0–20; absent = no log probabilities. */
  readonly topLogprobs?: number
  /** Is the model to think before it answers, where its template asks? */
  readonly thinking?: boolean
  readonly signal?: AbortSignal
}

export type ChatChunk =
  | { readonly type: 'text'; readonly text: string; readonly logprobs?: readonly TokenLogprob[] }
  /** What the model thinks aloud before it answers. */
  | { readonly type: 'reasoning'; readonly text: string }
  | { readonly type: 'toolCall'; readonly id: string; readonly name: string; readonly arguments: string }
  | {
      readonly type: 'end'
      readonly finishReason: FinishReason
      readonly usage: TokenUsage
      readonly model: string
      /** Where the messages are kept; absent = they are not. */
      readonly conversationId?: string
      readonly queueWaitMs: number
      readonly loadMs: number
      /** What came from the KV cache on disk; absent = nothing. */
      readonly restored?: RestoreGain
    }

export interface EmbedRequest {
  readonly model?: string
  readonly input: string | readonly string[]
  readonly signal?: AbortSignal
}

export interface EmbedResult {
  readonly model: string
  /** One vector of length 1 for each text, in their order. */
  readonly embeddings: readonly (readonly number[])[]
  readonly promptTokens: number
}

export interface CountRequest {
  readonly model?: string
  readonly messages: readonly ChatMessage[]
  readonly signal?: AbortSignal
}

export interface MemoryRequest {
  readonly modelId: string
  /** MB. */
  readonly required: number
  /** MB; where less than `required`, `required` counts. */
  readonly preferred: number
}
