import type { ChatMessage, FinishReason, SamplingOptions, TokenUsage } from '../spec/chat.ts'

export interface ChatRequest extends Pick<SamplingOptions, 'temperature' | 'seed' | 'topK' | 'topP' | 'minP'> {
  /** Default: the model that is configured for requests that name none. */
  readonly model?: string
  readonly messages: readonly ChatMessage[]
  /** Your own name for the conversation; without one it is found by its messages. */
  readonly conversationId?: string
  readonly maxTokens?: number
  readonly stop?: string | readonly string[]
  readonly tools?: readonly unknown[]
  readonly responseFormat?: unknown
  readonly signal?: AbortSignal
}

export type ChatChunk =
  | { readonly type: 'text'; readonly text: string }
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
