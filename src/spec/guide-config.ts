import type { GpuChoice } from './gpu.ts'
import type { KvType } from './model.ts'

/**
 * What `configure()` takes: the guide's object in the guide's names and units, every part optional, and the parts of
 * `grym.yaml` that may change while grym runs. Sizes are MB (decimal), times ms, shares 0–1; a time may be text
 * (`'5m'`), and `-1` is no timer. What is `undefined` changes nothing.
 */
export interface ResourceManagerConfig {
  readonly limits?: LimitsConfig | undefined
  /** What models take, MB by model id: believed before any estimate of grym's own. */
  readonly modelSizes?: Readonly<Record<string, number>> | undefined
  readonly buffers?:
    | { readonly context?: ContextBufferConfig | undefined; readonly working?: WorkingBufferConfig | undefined }
    | undefined
  readonly memoryPressure?: MemoryPressureConfig | undefined
  readonly debug?: boolean | undefined
  readonly contextPreservation?: ContextPreservationConfig | undefined
  readonly monitoring?:
    | { readonly sampleIntervalMs?: number | undefined; readonly intervalMs?: number | undefined }
    | undefined
  readonly models?: ModelsConfig | undefined
  readonly conversations?: ConversationsConfig | undefined
  readonly kvcache?: CacheConfig | undefined
  readonly journal?:
    | { readonly maxRows?: number | undefined; readonly maxAge?: number | string | undefined }
    | undefined
}

/** KV states on disk; see `kvcache` in `docs/configuration.md`. */
export interface CacheConfig {
  readonly enabled?: boolean | undefined
  readonly maxBytes?: number | string | undefined
  readonly maxEntries?: number | undefined
  readonly writeBudgetBytesPerHour?: number | string | undefined
  readonly minTokens?: number | undefined
  readonly ttl?: number | string | undefined
  readonly encrypt?: boolean | undefined
  readonly compression?: 'auto' | 'off' | undefined
}

export interface LimitsConfig {
  readonly maxModelsLoaded?: number | undefined
  readonly memoryThreshold?: number | undefined
  readonly inactivityTimeout?: number | string | undefined
  readonly loadTimeout?: number | string | undefined
  readonly maxQueuedRequests?: number | undefined
  readonly whenFull?: 'evict' | 'reject' | undefined
}

export interface ContextBufferConfig {
  readonly initial?: number | undefined
  readonly max?: number | undefined
  readonly compressionThreshold?: number | undefined
}

export interface WorkingBufferConfig {
  readonly initial?: number | undefined
  readonly max?: number | undefined
  readonly optimizationThreshold?: number | undefined
}

export type PressureAction = 'compress' | 'unload' | 'cache'

export interface MemoryPressureConfig {
  readonly warning?: number | undefined
  readonly critical?: number | undefined
  readonly action?: PressureAction | undefined
}

export type PreservationStrategy = 'lru' | 'priority' | 'hybrid' | 'selective'
export type SummarizationMethod = 'extractive' | 'abstractive'

export interface ContextPreservationConfig {
  readonly enabled?: boolean | undefined
  readonly preservationStrategy?: PreservationStrategy | undefined
  readonly maxPreservedContexts?: number | undefined
  readonly preservationThreshold?: number | undefined
  readonly summarizationConfig?:
    | {
        readonly maxTokens?: number | undefined
        readonly method?: SummarizationMethod | undefined
        readonly preserveRecentMessages?: number | undefined
        readonly compressionRatio?: number | undefined
        readonly minPreservedQuality?: number | undefined
      }
    | undefined
}

export interface ModelsConfig {
  readonly default?: string | undefined
  readonly contextTokens?: number | undefined
  readonly parallel?: number | undefined
  readonly kvType?: KvType | undefined
  readonly gpu?: GpuChoice | undefined
  readonly gpuLayers?: number | undefined
  /** By name or pattern; an entry that is given takes the place of the one of its name. */
  readonly entries?: Readonly<Record<string, string | ModelEntryConfig>> | undefined
}

/** A path, or a path and how strongly (1 = as trained). */
export type LoraConfig = string | { readonly path: string; readonly scale?: number | undefined }

/** One entry of `models.entries` as it is written; its checked form is `ModelEntry`. */
export interface ModelEntryConfig {
  readonly source?: string | undefined
  readonly engine?: 'embedded' | 'llama-server' | undefined
  readonly aliases?: string | readonly string[] | undefined
  readonly context?: number | undefined
  readonly system?: string | undefined
  readonly sampling?:
    | {
        readonly temperature?: number | undefined
        readonly topP?: number | undefined
        readonly topK?: number | undefined
        readonly minP?: number | undefined
        readonly seed?: number | undefined
        readonly repeatPenalty?: number | undefined
        readonly frequencyPenalty?: number | undefined
        readonly presencePenalty?: number | undefined
        readonly maxTokens?: number | undefined
        readonly stop?: string | readonly string[] | undefined
      }
    | undefined
  readonly template?: string | undefined
  readonly parallel?: number | undefined
  readonly kvType?: KvType | undefined
  readonly batchTokens?: number | undefined
  readonly gpuLayers?: number | undefined
  readonly pin?: boolean | undefined
  readonly priority?: number | undefined
  readonly keepAlive?: number | string | undefined
  readonly lora?: LoraConfig | readonly LoraConfig[] | undefined
}

export interface ConversationsConfig {
  readonly keep?: boolean | undefined
  readonly maxCount?: number | undefined
  readonly maxBytes?: number | string | undefined
  readonly maxAge?: number | string | undefined
  readonly exceptKeys?: readonly string[] | undefined
}
