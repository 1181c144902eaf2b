import type { AnswerPart, Embeddings, FinishReason, GenerateRequest, TokenUsage } from '../../../spec/chat.ts'
import type { ErrorData } from '../../../spec/errors.ts'
import type { GpuBackend } from '../../../spec/gpu.ts'
import type { EngineOptions } from '../../../spec/model.ts'
import type { SaveReason } from '../../../spec/state-cache.ts'
import type { RestoreGain } from '../../../spec/restored-state.ts'
import type { StateSupport } from '../../../spec/state-support.ts'
import type { CountedPrompt } from '../../../spec/token-count.ts'
import type { DeviceBuffers } from './device-buffers.ts'
import type { FoundState, StateAnswer, StateAsk, StateFacts, StateNote } from './state-messages.ts'

/**
 * What the host says to a worker. Messages with a `callId` are answered by `done` or `failed` with the same one; a run
 * is answered by any number of `progress` and `part` and exactly one of `end`, `embedded`, `cancelled` and `runFailed`.
 */
export type ToWorker =
  | {
      readonly type: 'load'
      readonly callId: number
      readonly modelPath: string
      readonly cores: number
      /** Reads the tokenizer and no weights: such a worker counts, and does nothing else. */
      readonly vocabularyOnly: boolean
      /** `null` = all of it in RAM. */
      readonly gpu: GpuLoad | null
    }
  | {
      readonly type: 'openContext'
      readonly callId: number
      readonly contextId: string
      readonly contextTokens: number
      readonly batchTokens: number
      /** Contexts of one sequence each: requests that are served at once. */
      readonly slots: number
      /** See `ModelDefinition.checkpoints`. */
      readonly checkpoints: number
      readonly engine: EngineOptions
      /** Absent = the host keeps no states, and is asked nothing. */
      readonly states?: StateTerms
    }
  /** Answered by `done`, once all that could be saved is kept. Slots that serve are waited for. */
  | {
      readonly type: 'saveStates'
      readonly callId: number
      readonly contextId: string
      readonly reason: SaveReason
      readonly saveId: number
    }
  /** Answered by `done` with the tokens that are in a slot now, 0 where none is free; by `failed` where it is not taken. */
  | { readonly type: 'fillSlot'; readonly callId: number; readonly contextId: string; readonly state: FoundState }
  | { readonly type: 'stateAnswer'; readonly askId: number; readonly answer: StateAnswer }
  /** Answered by `done` with what was found; see `state-probe.ts`. */
  | {
      readonly type: 'probeState'
      readonly callId: number
      readonly folder: string
      readonly batchTokens: number
      readonly engine: EngineOptions
    }
  | { readonly type: 'closeContext'; readonly callId: number; readonly contextId: string }
  /** Done when the slice in flight, which still has the old number of threads, is over. */
  | { readonly type: 'setThreads'; readonly callId: number; readonly threads: number }
  | { readonly type: 'generate'; readonly runId: number; readonly contextId: string; readonly request: GenerateRequest }
  | {
      readonly type: 'embed'
      readonly runId: number
      readonly contextId: string
      readonly inputs: readonly string[]
    }
  /** Answered by `done` with the number of tokens. */
  | {
      readonly type: 'count'
      readonly callId: number
      /** Jinja instead of the file's own template. */
      readonly template: string | null
      readonly prompt: CountedPrompt
    }
  | { readonly type: 'cancel'; readonly runId: number }
  | { readonly type: 'ping'; readonly sequence: number }

/** How states of a context are kept. */
export interface StateTerms {
  /** As it was measured before with this model; absent = not yet. */
  readonly tokensPerMs?: number
  /** Absent = as measured, see `restore-worth.ts`. */
  readonly restoreCostMs?: number
}

/** Layers that are to lie on GPUs. */
export interface GpuLoad {
  readonly backend: GpuBackend
  readonly layers: number
  /** UUIDs of the devices that may be used; `null` = all that the backend finds. */
  readonly devices: readonly string[] | null
}

/**
 * Where a run is; each phase has its own deadline on the host. `search` waits for the host itself; `save` and `restore` move a
 * state.
 */
export type RunPhase = 'render' | 'wait' | 'search' | 'save' | 'restore' | 'prefill' | 'decode' | 'embed'

export type FromWorker =
  | {
      readonly type: 'done'
      readonly callId: number
      /** Of a `count` and a `fillSlot`: tokens. */
      readonly tokens?: number
      /** Of a `load` and an `openContext`: what they took on GPUs. */
      readonly buffers?: readonly DeviceBuffers[]
      /** Of a `probeState`. */
      readonly stateSupport?: StateSupport
      /** Of an `openContext` that keeps states. */
      readonly stateFacts?: StateFacts
    }
  | { readonly type: 'failed'; readonly callId: number; readonly error: ErrorData }
  | {
      readonly type: 'progress'
      readonly runId: number
      readonly phase: RunPhase
      /** How long the next piece of work should take at the speed measured so far; 0 = not known yet. */
      readonly expectedMs: number
    }
  | { readonly type: 'part'; readonly runId: number; readonly part: AnswerPart }
  | {
      readonly type: 'end'
      readonly runId: number
      readonly finishReason: FinishReason
      readonly stoppedBy?: string
      readonly usage: TokenUsage
      readonly prefillMs: number
      readonly decodeMs: number
      readonly restored?: RestoreGain
      /** Tokens of its slot that could be saved; absent = none. */
      readonly unsavedTokens?: number
      /** Read a millisecond, over all that was read so far; absent = not measured yet. */
      readonly tokensPerMs?: number
    }
  | { readonly type: 'embedded'; readonly runId: number; readonly embeddings: Embeddings }
  | { readonly type: 'cancelled'; readonly runId: number }
  | { readonly type: 'runFailed'; readonly runId: number; readonly error: ErrorData }
  | { readonly type: 'pong'; readonly sequence: number }
  | { readonly type: 'engineLog'; readonly text: string }
  | { readonly type: 'stateAsk'; readonly askId: number; readonly contextId: string; readonly ask: StateAsk }
  | { readonly type: 'stateNote'; readonly contextId: string; readonly note: StateNote }
