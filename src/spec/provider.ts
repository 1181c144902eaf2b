import type { ChatMessage, Embeddings, GenerateChunk, GenerateRequest, RawRequest, RelayChunk } from './chat.ts'
import type { GpuPlacement } from './gpu-placement.ts'
import type { EngineKey, Footprint, ModelDefinition, ModelId, Platform, UnloadReason } from './model.ts'
import type { SavedState, SaveReason } from './state-cache.ts'
import type { EngineCounters } from './status.ts'
import type { PromptOptions } from './token-count.ts'

/** What a finished load tells. */
export interface LoadResult {
  readonly loadMs: number
  /** Measured where the engine's process can be read; a second id on loaded weights reports what it added. */
  readonly footprint: Footprint
  /** As the engine runs it: what was asked for, unless the engine's own settings decide. */
  readonly contextTokens: number
  /** Requests at once, where the engine's own settings decide; absent = as asked for. */
  readonly parallel?: number
  /** Weights bytes that this engine keeps mapped from a file (see `MemoryMeter.read`). */
  readonly heldFileBytes: number
  /** Where its layers lie and what they take there, as the engine tells it. */
  readonly placement?: GpuPlacement
  readonly pid?: number
}

/** Why an engine is gone; `taken` = somebody else took the model out of memory, and nothing is wrong with it. */
export type EngineLossCause = 'crashed' | 'stuck' | 'out-of-memory' | 'taken'

export interface EngineLoss {
  readonly engineKey: EngineKey
  readonly cause: EngineLossCause
  /** For a person: `signal SIGKILL`, `no progress for 12.0s while reading the prompt`. */
  readonly detail: string
}

/** An engine process without a model, ready for the next one. It is taken once, and ends with the model that took it. */
export interface SpareProcess {
  readonly pid: number
  /** Measured. */
  readonly bytes: number
}

/** The spare process of an engine that keeps one. */
export interface SpareKeeper {
  /** Called when one is ready, and with `undefined` when it is taken by a load, dropped or lost. */
  onChanged(listener: (spare: SpareProcess | undefined) => void): void
  /** Ends it; resolves when it is gone. */
  drop(): Promise<void>
}

/** An engine whose KV state can be taken to a file and back. Absent = its conversations are read again from their text. */
export interface StateAccess {
  /**
   * Saves what the model's slots hold and is in no saved state yet, for `cache` all of it; a slot that serves is waited for.
   * Never rejects: a state that cannot be saved is told through the cache, and is read again later.
   */
  save(modelId: ModelId, reason: SaveReason): Promise<readonly SavedState[]>
  /** Fills slots with these entries before they are asked for; resolves with how many tokens are really there. */
  restore(modelId: ModelId, entryIds: readonly string[]): Promise<number>
}

/**
 * One kind of engine. Calls are "ensure": `load` of a loaded model and `unload` of an unloaded one succeed at once.
 * Judged by `testing/provider-contract.ts`, fakes included.
 */
export interface Provider {
  readonly platform: Platform
  /** Absent where no process is kept ready. */
  readonly spare?: SpareKeeper
  /** Absent where no state can be saved. */
  readonly states?: StateAccess
  /** What it counts beside what the core knows, since it was connected. Absent = nothing. */
  readonly counters?: EngineCounters

  /**
   * Brings the model into memory. Rejects with a `ResourceError` whose `isRetryable` tells whether another attempt can
   * help (a missing or corrupt file and an unsupported architecture never do). A rejected load leaves nothing behind.
   *
   * @param placement layers that are to lie on GPUs; none where it is absent. Where they cannot it rejects with
   *   `gpu-out-of-memory`, `gpu-load-failed` or `gpu-unusable`, and does not load the model in another way.
   */
  load(definition: ModelDefinition, signal: AbortSignal, placement?: GpuPlacement): Promise<LoadResult>

  /**
   * Resolves once the memory is given back (for a process: it has exited).
   *
   * @param reason default `requested`. For `idle` and `shutdown` nobody needs the memory at once, and what somebody else had
   *   loaded into an engine of others before may be left to that engine's own timer.
   */
  unload(modelId: ModelId, reason?: UnloadReason): Promise<void>

  /**
   * Yields text, then one `end`. On abort it ends with `ResourceError('request-cancelled')` at once, while the engine
   * stops at its next slice; the slot may be used again at once.
   * When the engine dies it ends with `engine-lost` or `engine-stuck`, after {@link onEngineLost} was told.
   */
  generate(modelId: ModelId, request: GenerateRequest, signal: AbortSignal): AsyncIterable<GenerateChunk>

  /**
   * The same for a request that may be sent to the engine as it is, its bytes coming back as they are; they are read as fast
   * as they are taken. `undefined` = something would have to change on the way there, so it is for {@link generate}.
   * Absent = the engine speaks no dialect of clients.
   */
  relay?(
    modelId: ModelId,
    request: GenerateRequest,
    raw: RawRequest,
    signal: AbortSignal,
  ): AsyncIterable<RelayChunk> | undefined

  /**
   * Tokens of these messages as a prompt, exactly: the model's own template, generation prompt included, through its own
   * tokenizer. Needs no weights in memory. Rejects with `template-failed`, with what a load may reject with, with
   * `counting-unsupported` where the engine does not count, and like {@link generate} for tools that it cannot be given.
   *
   * @param options what else stands in the prompt; absent = messages alone.
   */
  countTokens(
    definition: ModelDefinition,
    messages: readonly ChatMessage[],
    signal: AbortSignal,
    options?: PromptOptions,
  ): Promise<number>

  /**
   * One vector of length 1 for each input, pooled as the model says. Rejects with `context-too-long`,
   * `request-cancelled`, and like {@link generate} when the engine dies.
   */
  embed(modelId: ModelId, inputs: readonly string[], signal: AbortSignal): Promise<Embeddings>

  /**
   * Measures the model's footprint again: after its first answer its buffers are really in use, and when another model on
   * its weights has left, it may be the one that the weights are counted with. `undefined` = nothing new can be said.
   */
  measure(modelId: ModelId): Promise<Footprint | undefined>

  /**
   * The last lines that the model's engine printed, oldest first, also after it has ended; `undefined` = none are known.
   * Absent where an engine's output cannot be had.
   */
  log?(modelId: ModelId): readonly string[] | undefined

  /** Called once for every engine process that ends without being asked to. */
  onEngineLost(listener: (loss: EngineLoss) => void): void

  /** Ends every engine; nothing is left running. */
  dispose(): Promise<void>
}
