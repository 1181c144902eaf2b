import type { AnswerPart, Embeddings, FinishReason, GenerateRequest, TokenUsage } from '../../../spec/chat.ts'
import type { ErrorData } from '../../../spec/errors.ts'
import type { GpuBackend } from '../../../spec/gpu.ts'
import type { EngineOptions } from '../../../spec/model.ts'
import type { StateSupport } from '../../../spec/state-support.ts'
import type { CountedPrompt } from '../../../spec/token-count.ts'
import type { DeviceBuffers } from './device-buffers.ts'

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
    }
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

/** Layers that are to lie on GPUs. */
export interface GpuLoad {
  readonly backend: GpuBackend
  readonly layers: number
  /** UUIDs of the devices that may be used; `null` = all that the backend finds. */
  readonly devices: readonly string[] | null
}

/** Where a run is; each phase has its own deadline on the host. */
export type RunPhase = 'render' | 'wait' | 'prefill' | 'decode' | 'embed'

export type FromWorker =
  | {
      readonly type: 'done'
      readonly callId: number
      /** Of a `count`: tokens. */
      readonly tokens?: number
      /** Of a `load` and an `openContext`: what they took on GPUs. */
      readonly buffers?: readonly DeviceBuffers[]
      /** Of a `probeState`. */
      readonly stateSupport?: StateSupport
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
    }
  | { readonly type: 'embedded'; readonly runId: number; readonly embeddings: Embeddings }
  | { readonly type: 'cancelled'; readonly runId: number }
  | { readonly type: 'runFailed'; readonly runId: number; readonly error: ErrorData }
  | { readonly type: 'pong'; readonly sequence: number }
  | { readonly type: 'engineLog'; readonly text: string }
