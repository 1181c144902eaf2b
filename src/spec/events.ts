import type { ErrorCode, ErrorReason } from './error-table.ts'
import type { JournalEntry } from './journal.ts'
import type { MemoryReading } from './memory.ts'
import type { Footprint, ModelId, UnloadReason } from './model.ts'

/**
 * What is published, by type. Names of the guide are a contract; `facade` turns these payloads into the guide's units.
 * Names are camelCase; a past tense names a fact, `…Metrics…` a reading.
 */
export interface EventPayloads {
  modelLoading: { readonly modelId: ModelId; readonly attempt: number }
  modelLoaded: {
    readonly modelId: ModelId
    readonly loadMs: number
    readonly footprint: Footprint
    readonly fromCache: boolean
  }
  modelUnloaded: { readonly modelId: ModelId; readonly reason: UnloadReason }
  resourcesFreed: { readonly unloadedModels: readonly ModelId[] }
  metricsUpdated: { readonly memory: MemoryReading }
  requestFinished: RequestFinished
  decided: JournalEntry
  error: {
    readonly code: ErrorCode
    readonly reason: ErrorReason
    readonly message: string
    readonly recoverable: boolean
    readonly modelId?: ModelId
    readonly requestId?: string
  }
}

export interface RequestFinished {
  readonly requestId: string
  readonly modelId: ModelId
  readonly outcome: 'ok' | ErrorReason
  readonly queueWaitMs: number
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly generatedTokens: number
  readonly durationMs: number
}

export type EventType = keyof EventPayloads

export const EVENT_TYPES: readonly EventType[] = [
  'modelLoading',
  'modelLoaded',
  'modelUnloaded',
  'resourcesFreed',
  'metricsUpdated',
  'requestFinished',
  'decided',
  'error',
]

/** An event as it travels: `id` rises by one, without gaps, within one instance. */
export type GrymEvent = {
  readonly [Type in EventType]: {
    readonly id: number
    readonly type: Type
    readonly atMs: number
    readonly data: EventPayloads[Type]
  }
}[EventType]
