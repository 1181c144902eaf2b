/** A call of a tool that the model asked for. */
export interface ToolCall {
  readonly id: string
  readonly name: string
  /** The arguments as the model wrote them: JSON text, not checked. */
  readonly arguments: string
}

/** A message in grym's own form; every dialect decodes into it. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string
  /** Of an assistant's message. */
  readonly toolCalls?: readonly ToolCall[]
  /** Of a tool's message: which call it answers. */
  readonly toolCallId?: string
  /** What the model thought aloud before it answered; never sent back to it. */
  readonly reasoning?: string
}

/** Sampling options; what is absent takes the engine's default. */
export interface SamplingOptions {
  /** 0 = greedy. Default 0.8. */
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
  readonly seed?: number
  readonly repeatPenalty?: number
  readonly frequencyPenalty?: number
  readonly presencePenalty?: number
}

/** What an engine is asked to generate. */
export interface GenerateRequest {
  readonly messages: readonly ChatMessage[]
  readonly sampling: SamplingOptions
  /** Upper bound of generated tokens; absent = up to the end of the window. */
  readonly maxTokens?: number
  /** Generation ends before any of these; the text of a stop string is never sent. */
  readonly stop: readonly string[]
}

export interface TokenUsage {
  readonly promptTokens: number
  /** Of these, tokens whose KV state was really reused. */
  readonly cachedTokens: number
  readonly generatedTokens: number
}

/** What embedding some texts gave, in their order. */
export interface Embeddings {
  readonly vectors: readonly (readonly number[])[]
  /** Tokens of all inputs. */
  readonly promptTokens: number
}

export type FinishReason = 'stop' | 'length'

/** What an engine yields: text as it comes, exactly one `end` last. */
export type GenerateChunk =
  | { readonly type: 'text'; readonly text: string }
  | {
      readonly type: 'end'
      readonly finishReason: FinishReason
      readonly usage: TokenUsage
      readonly prefillMs: number
      readonly decodeMs: number
    }
