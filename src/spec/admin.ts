import type {
  AnswerPart,
  Embeddings,
  FinishReason,
  GenerateRequest,
  RawRequest,
  RelayedBytes,
  TokenUsage,
} from './chat.ts'
import type { CacheReceipt, CacheWish } from './cache-service.ts'
import type { OwnerId } from './owner-id.ts'
import type { GrymEvent } from './events.ts'
import type { ModelId } from './model.ts'
import type { ModelWish } from './model-wish.ts'
import type { RestoreGain } from './restored-state.ts'
import type { CountTokens } from './token-count.ts'
import type {
  AllocationRequest,
  FreeReceipt,
  LoadReceipt,
  ModelDescription,
  ModelListing,
  Status,
  UnloadReceipt,
} from './status.ts'

/** A chat request after a dialect has decoded it. */
export interface InferRequest extends GenerateRequest {
  readonly model: string | undefined
  /**
   * True when parts are passed on as they come: once a byte is out, a lost engine breaks the answer. False: nothing is
   * passed on before the answer is whole, so a lost engine costs time only, and text comes in one piece.
   */
  readonly isStreamed: boolean
  /** How its conversation is kept; absent = not at all. */
  readonly conversation?: ConversationWish | undefined
  /** Absent = nothing beside the answer. */
  readonly wish?: ModelWish | undefined
  /**
   * The same request as its client wrote it: where the engine speaks its dialect and nothing has to change, the answer comes
   * as the engine's own bytes. Absent = as parts.
   */
  readonly raw?: RawRequest | undefined
}

/** What a request says of the conversation that it belongs to. */
export interface ConversationWish {
  readonly owner: OwnerId
  /** The client's own name for it; absent = it is found by its messages. */
  readonly explicitId?: string
}

/** What is known about an answer beside its text. */
export interface InferReceipt {
  readonly requestId: string
  readonly modelId: ModelId
  readonly queueWaitMs: number
  /** Time this request waited for its model to load; 0 when it was ready. */
  readonly loadMs: number
  /** Where its messages are kept; absent = they are not. */
  readonly conversationId?: string
}

export interface EmbedReceipt extends Embeddings {
  readonly modelId: ModelId
}

export type InferChunk =
  /** `isRelayed`: the engine's own bytes follow, which begin and end as the engine has it. */
  | { readonly type: 'start'; readonly receipt: InferReceipt; readonly isRelayed?: true }
  | AnswerPart
  /** Instead of parts, where the request was {@link InferRequest.raw}. `isLast`: the engine's own end, just before `end`. */
  | (Pick<RelayedBytes, 'type' | 'bytes'> & { readonly isLast?: true })
  | {
      readonly type: 'end'
      readonly finishReason: FinishReason
      /** As the engine has it. */
      readonly stoppedBy?: string
      readonly usage: TokenUsage
      readonly receipt: InferReceipt
      /** What came from the KV cache on disk; absent = nothing. */
      readonly restored?: RestoreGain
      /** Time that its engine took to read the prompt; 0 = it does not tell, absent = nobody asked it. */
      readonly prefillMs?: number
      /** Time that its engine took to write the answer; as {@link prefillMs}. */
      readonly decodeMs?: number
    }

/**
 * What the gateway, the CLI in-process and the library reach the manager through. Real: `manager/manager.ts`.
 * Every call rejects with `ResourceError`.
 */
export interface ManagerService {
  /**
   * Yields `start` just before the first part, parts, and one `end`. A failure before the first part rejects the first
   * `next()`; one after it rejects a later one. Abort or `return()` frees the place at once.
   */
  infer(request: InferRequest, signal: AbortSignal): AsyncIterable<InferChunk>
  /** One vector of length 1 for each text. */
  embed(
    model: string | undefined,
    inputs: readonly string[],
    signal: AbortSignal,
    wish?: ModelWish,
  ): Promise<EmbedReceipt>
  /** Exact where the model's tokenizer can be had, else an estimate that says so. Rejects with `template-failed` too. */
  countTokens: CountTokens
  /** What the model's file says of it. Rejects like {@link identify}. */
  about(model: string | undefined): Promise<ModelDescription>
  /** The id of the model that a name leads to. Rejects like a load of an unknown name. */
  identify(model: string | undefined): Promise<ModelId>
  load(model: string | undefined, signal: AbortSignal, wish?: ModelWish): Promise<LoadReceipt>
  /** Waits for active requests to complete, then unloads. */
  unload(model: string | undefined, signal: AbortSignal): Promise<UnloadReceipt>
  /**
   * Saves the states of a model's conversations, then gives its memory back like {@link unload}; its next load brings them
   * back. One that is not in memory stays in the cache, or gets its file there, and frees nothing. Rejects with
   * `cache-operation-failed`, and keeps the model in memory, where nothing can be kept.
   */
  moveToCache(model: string | undefined, wish: CacheWish, signal: AbortSignal): Promise<CacheReceipt>
  /** Unloads every model, pinned ones too, once its active requests are complete, and ends every promise of memory. */
  freeAll(signal: AbortSignal): Promise<FreeReceipt>
  /**
   * Promises memory to a model (requirement R12), evicting idle ones where it must: resolves once it counts as
   * committed. Rejects with `memory-limit-exceeded`, `model-too-large` and what a load may reject with.
   */
  allocate(model: string | undefined, size: AllocationRequest, signal: AbortSignal): Promise<void>
  pin(model: string | undefined, pinned: boolean): Promise<void>
  /** At once where the manager is in this process. */
  status(): Status | Promise<Status>
  /** Listings with the state each model is in now, default first. */
  models(): Promise<readonly (ModelListing & { readonly state: Status['models'][number]['state'] })[]>
  /** Events with an id above `afterEventId` that are still remembered, then live ones. Returns the unsubscriber. */
  subscribe(afterEventId: number | undefined, listener: (event: GrymEvent) => void): () => void
}
