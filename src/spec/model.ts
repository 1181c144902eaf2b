import type { SamplingOptions } from './chat.ts'
import type { GpuNeed } from './gpu-placement.ts'
import type { ByteSource } from './memory.ts'

/** A model's name as users write it, resolved. */
export type ModelId = string
/** Names an engine process: one per weights file (digest of the weights). */
export type EngineKey = string

const LLAMA_SERVER_KEY = 'llama-server:'

/** Of a file that runs on a llama-server of its own, which grym starts for it. */
export function llamaServerKey(modelId: ModelId): EngineKey {
  return LLAMA_SERVER_KEY + modelId
}

export function isLlamaServerKey(key: EngineKey): boolean {
  return key.startsWith(LLAMA_SERVER_KEY)
}

export type Platform = 'ollama' | 'lmstudio' | 'local' | 'server'

/**
 * What tells the weights of a model from others, as far as it is known: two engines that hold the same ones hold them twice.
 */
export interface WeightsIdentity {
  /** SHA-256 of the file, lower case hexadecimal. */
  readonly sha256?: string
  /** Where the file lies on this machine. */
  readonly path?: string
}

/** The one-line state machine of a model; drawn in `docs/ARCHITECTURE.md`. */
export type ModelState = 'unloaded' | 'loading' | 'ready' | 'unloading' | 'error'

/** Why a model left memory: a closed list. */
export type UnloadReason =
  | 'requested'
  | 'evicted'
  | 'idle'
  | 'crashed'
  | 'stuck'
  | 'out-of-memory'
  | 'error-cleanup'
  | 'shutdown'

/** What a model takes, in bytes. Only {@link contextBytes} is added by a second id on the same weights. */
export interface FootprintEstimate {
  /** Tensor data of the weights file. */
  readonly weightsBytes: number
  /** KV cache, compute and output buffers of this id's context. */
  readonly contextBytes: number
  /** The engine process itself, without a model. */
  readonly processBytes: number
  readonly source: ByteSource
}

/** What a model was found to take of RAM. */
export interface Footprint {
  readonly bytes: number
  readonly source: ByteSource
}

/** Type of the elements of the KV cache. */
export type KvType = 'f32' | 'f16' | 'q8_0' | 'q4_0'

/** How an engine is to run a model, beside its window. */
export interface EngineOptions {
  readonly kvType: KvType
  /** Jinja that takes the place of the file's own chat template; `null` = the file's. */
  readonly template: string | null
  /** Low-rank adapters put on the weights, by file. */
  readonly loras: readonly { readonly path: string; readonly scale: number }[]
  /**
   * Tokens of a prompt evaluated at once. Smaller ones take less memory and end sooner when nobody waits any more, larger ones
   * read faster on GPUs. Absent = as its engine has it.
   */
  readonly batchTokens?: number
}

/** Set per model in the configuration; a request's own values win. */
export interface RequestDefaults {
  /** Put in front of conversations that bring no system message. */
  readonly system?: string
  readonly sampling?: SamplingOptions
  readonly maxTokens?: number
  readonly stop?: readonly string[]
}

export const DEFAULT_ENGINE_OPTIONS: EngineOptions = { kvType: 'f16', template: null, loras: [] }

/** How a model is to be loaded. Two ids with equal {@link engineKey} share one process and its weights. */
export interface ModelDefinition {
  readonly id: ModelId
  readonly platform: Platform
  readonly engineKey: EngineKey
  /** What its engine calls it; absent = by its id. */
  readonly engineName?: string
  readonly weights?: WeightsIdentity
  readonly contextTokens: number
  /** Requests served at once, each in a context of its own. */
  readonly parallel: number
  readonly engine: EngineOptions
  /**
   * Copies of its state that each context may keep aside, to go back to where that cannot be cut (recurrent and sliding
   * blocks). Their memory is a part of {@link estimate}. Default 0.
   */
  readonly checkpoints?: number
  /** As if all of it lay in RAM. */
  readonly estimate: FootprintEstimate
  /** Absent where its engine computes without GPUs. */
  readonly gpu?: GpuNeed
  /** It embeds and does nothing else. Default false. */
  readonly onlyEmbeds?: boolean
  /** Another machine runs it: it takes nothing of this one, no place among its models either. Default false. */
  readonly isElsewhere?: boolean
  /** It takes pictures beside text. Default false. */
  readonly seesImages?: boolean
  readonly pinned: boolean
  /**
   * A prompt of this many bytes has more tokens than the window holds, whatever they are: window × longest token.
   * `null` = not known.
   */
  readonly maxPromptBytes: number | null
  /** A prompt of this many words has more tokens than the window holds, see `prompt-words.ts`; absent = not known. */
  readonly maxPromptWords?: number
  /** Idle time until the model is unloaded, ms; `null` = no timer, evicted last; `default` = what the settings say. */
  readonly idleTimeoutMs: number | null | 'default'
  /** What requests for it take where they say nothing themselves. */
  readonly defaults: RequestDefaults
  /** −10 to 10: when room is needed, models of lower priority leave first. Default 0. */
  readonly priority: number
}
