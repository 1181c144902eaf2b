import type { RestoreGain, StateOwner } from './restored-state.ts'

/** A call of a tool that the model asked for. */
export interface ToolCall {
  readonly id: string
  readonly name: string
  /** The arguments as the model wrote them: JSON text, not checked. */
  readonly arguments: string
}

/** A picture that belongs to a message. */
export interface ChatImage {
  /** `image/png`, `image/jpeg`, … */
  readonly mimeType: string
  readonly base64: string
}

/** A message in grym's own form; every dialect decodes into it. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string
  /** Of a user's message, for models that see. */
  readonly images?: readonly ChatImage[]
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

/** A tool that the model may call. */
export interface ToolDefinition {
  readonly name: string
  readonly description?: string
  /** JSON schema of its arguments, an object; absent = it takes none. */
  readonly parameters?: Readonly<Record<string, unknown>>
  /** Refuse the request rather than call it with arguments that its schema may not allow. Default false. */
  readonly strict?: boolean
}

/** `auto`: the model chooses whether and what; `required`: at least one call; a name: a call of this tool. */
export type ToolChoice = 'auto' | 'none' | 'required' | { readonly name: string }

/** What an answer's text has to be. */
export type AnswerFormat =
  | { readonly type: 'text' }
  /** Any JSON object. */
  | { readonly type: 'json' }
  | { readonly type: 'schema'; readonly schema: unknown }

/** Text that is continued as it is, without template and roles. */
export interface TextCompletion {
  readonly prompt: string
  /** What is to come after: the gap is filled, where the model has tokens for that. */
  readonly suffix?: string
}

/** How an answer is to come about, beside its sampling: the same in every dialect. */
export interface AnswerOptions {
  readonly tools?: readonly ToolDefinition[]
  /** Default `auto`. */
  readonly toolChoice?: ToolChoice
  /** May one answer call several tools? Default true. */
  readonly parallelToolCalls?: boolean
  /** Default text. */
  readonly format?: AnswerFormat
  /** Alternatives told with each token's log probability, 0–20; absent = no log probabilities. */
  readonly topLogprobs?: number
  /** Is the model to think before it answers, where its template asks? Absent = as the template has it. */
  readonly thinking?: boolean
}

/** What an engine is asked to generate. */
export interface GenerateRequest extends AnswerOptions {
  /** Empty where {@link completion} is given. */
  readonly messages: readonly ChatMessage[]
  /** Instead of messages. */
  readonly completion?: TextCompletion
  readonly sampling: SamplingOptions
  /** Upper bound of generated tokens; absent = up to the end of the window. */
  readonly maxTokens?: number
  /** Generation ends before any of these; the text of a stop string is never sent. */
  readonly stop: readonly string[]
  /** Whose KV state it is; absent = it is not kept on disk. */
  readonly stateOwner?: StateOwner
}

export interface TokenUsage {
  readonly promptTokens: number
  /** Of these, tokens whose KV state was really reused; `null` = the engine does not tell. */
  readonly cachedTokens: number | null
  readonly generatedTokens: number
  /** Of these, tokens of reasoning; absent = none. */
  readonly reasoningTokens?: number
}

/** One token and how likely it was, before temperature and every other sampling option. */
export interface WeighedToken {
  /** As text; a piece of a character is U+FFFD. */
  readonly token: string
  /** Its UTF-8 bytes; `null` for a piece of a character. */
  readonly bytes: readonly number[] | null
  /** Natural logarithm of its probability. */
  readonly logprob: number
}

/** A token that was generated, and what else could have stood there, most likely first. */
export interface TokenLogprob extends WeighedToken {
  readonly top: readonly WeighedToken[]
}

/** What embedding some texts gave, in their order. */
export interface Embeddings {
  readonly vectors: readonly (readonly number[])[]
  /** Tokens of all inputs. */
  readonly promptTokens: number
}

export type FinishReason = 'stop' | 'length' | 'toolCalls'

/** A request in the words of its client, for an engine that speaks the same dialect. */
export interface RawRequest {
  readonly dialect: 'openai-chat'
  /** Its JSON, without what was meant for grym. The engine's own name of the model takes the place of `model`. */
  readonly body: Readonly<Record<string, unknown>>
  readonly isStreamed: boolean
}

/** What an engine sent, to be passed on untouched: whole events of a stream, or a whole body. */
export interface RelayedBytes {
  readonly type: 'bytes'
  readonly bytes: Uint8Array
  /** What these bytes say. */
  readonly parts: readonly AnswerPart[]
}

/** A piece of an answer. */
export type AnswerPart =
  | {
      readonly type: 'text'
      readonly text: string
      /** Of the tokens that this text is made of, where they were asked for. */
      readonly logprobs?: readonly TokenLogprob[]
    }
  /** Thought aloud before the answer. */
  | { readonly type: 'reasoning'; readonly text: string }
  /** Whole; several of them may come. */
  | { readonly type: 'toolCall'; readonly call: ToolCall }

/** What an engine yields: parts as they come, exactly one `end` last. */
export type GenerateChunk = AnswerPart | GenerateEnd

export interface GenerateEnd {
  readonly type: 'end'
  readonly finishReason: FinishReason
  /** The stop string that it ended before; absent = it was none, or the engine does not tell. */
  readonly stoppedBy?: string
  readonly usage: TokenUsage
  readonly prefillMs: number
  readonly decodeMs: number
  /** What came from the KV cache on disk; absent = nothing. */
  readonly restored?: RestoreGain
}

/**
 * What a relayed answer yields: bytes that may go out, and exactly one `end` with those that tell its reader that it is
 * whole: they go out once the answer is kept.
 */
export type RelayChunk = RelayedBytes | (GenerateEnd & { readonly last: RelayedBytes })
