import type { ChatMessage } from './chat.ts'
import type { ErrorReason } from './error-reason.ts'
import type { ModelId } from './model.ts'
import type { OwnerId } from './owner-id.ts'

/** What a request brings to the store. */
export interface Turn {
  readonly owner: OwnerId
  /** The client's own name for the conversation (header or field); absent = found by its messages. */
  readonly explicitId?: string
  /** All messages of the request, system messages included. */
  readonly messages: readonly ChatMessage[]
  readonly modelId: ModelId
  readonly atMs: number
}

/** A turn whose messages are stored; its answer is still to come. */
export interface BegunTurn {
  readonly conversationId: string
  /** `branch`: the messages leave a known conversation before its end, so they go on as one of their own. */
  readonly match: 'new' | 'continued' | 'branch'
  /** Messages of the request, system messages not counted, that were known already. */
  readonly knownMessages: number
  /** Names the last message of the request inside the store. */
  readonly nodeId: number
}

/** How an answer ended: whole, left by its reader, or broken off for a reason of the error table. */
export type AnswerOutcome = 'ok' | ErrorReason

export interface StoredAnswer {
  /** As far as it was passed on. */
  readonly message: ChatMessage
  readonly modelId: ModelId
  readonly outcome: AnswerOutcome
  readonly atMs: number
}

/**
 * Keeps conversations while they go on. Real: `context/conversation-store.ts`. What a call has stored survives a
 * `kill -9` from the moment it returns; a full disk is thrown as `disk-full` and is no reason to refuse an answer.
 */
export interface Conversations {
  /** Finds the conversation that these messages continue, and stores those it does not know yet. */
  begin(turn: Turn): BegunTurn
  /** Stores the answer. A conversation that was deleted meanwhile stays deleted. */
  finish(turn: BegunTurn, answer: StoredAnswer): void
  /**
   * Calls of the two inside `work` survive from the moment that this resolves, not before: they go to disk together with those of
   * others that come at the same time. Absent = each by itself.
   */
  together?<Result>(work: () => Result): Promise<Result>
}

/** A message as it lies in the store. */
export interface StoredMessage extends ChatMessage {
  readonly atMs: number
  /** Of an answer: the model that gave it. */
  readonly modelId?: ModelId
  /** Of an answer. */
  readonly outcome?: AnswerOutcome
}

export interface ConversationSummary {
  readonly id: string
  readonly owner: OwnerId
  /** Beginning of the first message of a person, one line of at most 80 characters. */
  readonly title: string
  /** The model that was asked last. */
  readonly modelId: ModelId
  readonly messageCount: number
  /** Size of its messages; those shared with another branch count in both. */
  readonly bytes: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
  /** The conversation it branched off from; `null` = none, or deleted. */
  readonly parentId: string | null
}

export interface StoredConversation extends ConversationSummary {
  /** The newest system prompt; `null` = none was sent. */
  readonly system: string | null
  readonly messages: readonly StoredMessage[]
  /** Models that were asked, in order of time. */
  readonly modelHistory: readonly { readonly modelId: ModelId; readonly fromMs: number }[]
  /** State of compaction; `null` = nothing was compacted. Its form belongs to who compacts. */
  readonly compaction: unknown
}

export interface ConversationQuery {
  readonly limit: number
  /** Only those last used before this. */
  readonly beforeMs?: number
}

/** Conversations for people: to look at, to take along, to delete. Real: `context/conversation-store.ts`. */
export interface ConversationArchive {
  /** Last used first. */
  list(query: ConversationQuery): Promise<readonly ConversationSummary[]>
  /** Rejects with `conversation-not-found`. */
  get(id: string): Promise<StoredConversation>
  /** Deleted means unreadable, in the file too. Rejects with `conversation-not-found`. */
  delete(id: string): Promise<void>
  /** Returns how many there were. */
  deleteAll(): Promise<number>
}
