import type { ChatMessage } from './chat.ts'
import type { TokenCount } from './token-count.ts'

/** Limits of one context (requirement R66), in tokens. */
export interface ContextLimits {
  /** Most tokens one message may have. */
  readonly maxTokens: number
  /** Tokens the context may hold; older messages leave it when a new one needs the room. */
  readonly contextWindow: number
  /** Kept free for the answer. Default 0. */
  readonly responseTokens?: number
}

export interface ContextMessage {
  readonly role: ChatMessage['role']
  readonly content: string
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: number
}

/** A conversation that a program keeps by hand under a model's id. */
export interface ModelContext {
  readonly modelId: string
  readonly conversationId: string
  /** Those in the window, oldest first; older ones stay in the conversation. */
  readonly messages: readonly ContextMessage[]
  readonly tokens: number
  readonly tokenSource: TokenCount['source']
  readonly maxTokens: number
  readonly contextWindow: number
  readonly responseTokens: number
  readonly createdAtMs: number
  readonly lastAccessedAtMs: number
}

/** Requirement R66. Real: `context/model-contexts.ts`. */
export interface ContextService {
  /**
   * Opens the context of a model; one that an earlier process kept is taken up with its messages.
   * Rejects with `duplicate-context`, `invalid-constraints`.
   */
  initialize(modelId: string, limits: unknown): Promise<ModelContext>
  get(modelId: string): Promise<ModelContext | undefined>
  /** Rejects with `context-not-found`, `invalid-message`, and `resource-exhausted`, after which the context is gone. */
  addMessage(modelId: string, message: unknown): Promise<ModelContext>
  /** Rejects with `context-not-found`. Its messages are deleted. */
  remove(modelId: string): Promise<void>
}
