import type { GpuBackend, GpuReading } from './gpu.ts'
import type { ByteSource, PressureSource } from './memory.ts'
import type { ModelId, ModelState, Platform } from './model.ts'
import type { RestoreGain } from './restored-state.ts'
import type { CacheReport } from './state-cache.ts'

/** `GET /grym/v1/status`. */
export interface Status {
  readonly version: string
  readonly instanceId: string
  readonly pid: number
  readonly uptimeMs: number
  readonly pressureRatio: number
  readonly memory: {
    readonly totalBytes: number
    readonly availableBytes: number
    readonly usedBytes: number
    /** The most that was in use since the start. */
    readonly peakUsedBytes: number
    readonly pressureSources: readonly PressureSource[]
    /** Empty where no GPU can be read. */
    readonly gpus: readonly GpuReading[]
  }
  /** What the embedded engine computes with beside the CPU; `null` = nothing. */
  readonly gpuBackend: GpuBackend | null
  /** Why GPUs are left alone although there is a backend for them, until grym is configured anew; `null` = they are not. */
  readonly gpuFault: string | null
  /** The engine process that waits for a model, counted in `usedBytes`; given back first. `null` = there is none. */
  readonly spare: { readonly pid: number; readonly bytes: number } | null
  /** Cores that engines may use. */
  readonly cores: number
  readonly models: readonly ModelStatus[]
  readonly duplicates: readonly DuplicateWeights[]
  /** By who runs models: what engines count, and what is counted of windows that requests name. */
  readonly engineCounters: Readonly<Partial<Record<Platform, EngineCounters>>>
  /** KV states on disk, with totals over all time; `null` = there is no cache. */
  readonly kvcache: CacheReport | null
  /** The last answer since the start that went on from a state on disk; `null` = there was none. */
  readonly lastRestore: LastRestore | null
  readonly queue: { readonly waiting: number; readonly running: number }
  readonly lastEventId: number
}

export interface LastRestore extends RestoreGain {
  readonly modelId: ModelId
  readonly atMs: number
  readonly promptTokens: number
}

/** Each only grows. */
export interface EngineCounters {
  /** Requests with another window than is in force, and models beside others on their weights: each would have had them loaded anew. */
  readonly reloadsAvoided: number
  /** Weights that were loaded anew in another way. */
  readonly reloads: number
}

/** The same weights in several engines at once, as far as engines tell what they hold. Mapped from one file they share its pages. */
export interface DuplicateWeights {
  readonly models: readonly ModelId[]
  /** What the copies beside the first take, by the size of the weights: an estimate; 0 where all share the same pages. */
  readonly wastedBytes: number
}

/** One known model in {@link Status}. */
export interface ModelStatus {
  readonly id: ModelId
  readonly state: ModelState
  readonly platform: Platform
  /** While unloaded: the estimate. */
  readonly footprintBytes: number
  readonly footprintSource: ByteSource
  readonly contextTokens: number
  /** Tokens of its window that the last answer has filled; 0 after a load. */
  readonly usedContextTokens: number
  /** What its footprint is made of; the three add up to it. */
  readonly buffers: BufferBytes
  /** What of it lies on GPUs; `null` = nothing. */
  readonly gpu: GpuStatus | null
  /** How long its last load took; `null` = it was never loaded. */
  readonly loadMs: number | null
  readonly activeRequests: number
  readonly pinned: boolean
  readonly lastUsedAtMs: number | null
  readonly expiresAtMs: number | null
  /** Pid of the engine process that holds the model. */
  readonly pid: number | null
  /** Message of the last failed load, while the state is `error`. */
  readonly lastError?: string
}

export interface GpuStatus {
  readonly backend: GpuBackend
  /** Layers that lie on GPUs, of so many that it has. */
  readonly layers: number
  readonly ofLayers: number
  /** By GPU; the driver's own part in it is always an estimate. */
  readonly shares: readonly { readonly gpu: number; readonly bytes: number }[]
  readonly source: ByteSource
}

export interface BufferBytes {
  /** KV cache and scratch of its contexts. */
  readonly contextBytes: number
  readonly weightsBytes: number
  /** The engine process and what it needs beside the model. */
  readonly workingBytes: number
}

/** What a model can do, under Ollama's names. */
export type Capability = 'completion' | 'embedding' | 'tools' | 'insert' | 'thinking' | 'vision'

/** What a model's file says of it. */
export interface ModelDescription extends ModelListing {
  /** This and what follows is `null` where its engine does not tell. */
  readonly architecture: string | null
  readonly parameterCount: number | null
  readonly quantization: string | null
  /** Window that it was trained for. */
  readonly trainContextTokens: number | null
  readonly blockCount: number | null
  readonly vocabularyTokens: number | null
  /** Length of its vectors. */
  readonly embeddingLength: number | null
  /** Jinja; `null` also where a file has none, and ChatML is used. */
  readonly chatTemplate: string | null
}

/** One entry of `GET /v1/models` before the OpenAI dialect shapes it, and of `grym list`. */
export interface ModelListing {
  readonly id: ModelId
  readonly createdAtMs: number
  readonly contextTokens: number
  /** Of its weights on disk; `null` = its engine does not tell. */
  readonly sizeBytes: number | null
  readonly platform: Platform
  readonly capabilities: readonly Capability[]
}

/** Result of a load or an unload by hand, over the library or `POST /grym/v1/models/load|unload`. */
export interface LoadReceipt {
  readonly modelId: ModelId
  readonly state: ModelState
  readonly footprintBytes: number
  readonly footprintSource: ByteSource
  /** 0 when it was loaded already. */
  readonly loadMs: number
}

/** Result of giving everything back. */
export interface FreeReceipt {
  /** Models that were in memory and are not any more. */
  readonly unloadedModels: readonly ModelId[]
}

/** Memory to be promised to a model: as much as is preferred where it is free, at least what is required. */
export interface AllocationRequest {
  readonly requiredBytes: number
  readonly preferredBytes: number
}

export interface UnloadReceipt {
  readonly modelId: ModelId
  readonly state: ModelState
  /** True when the model was in memory. */
  readonly wasLoaded: boolean
}
