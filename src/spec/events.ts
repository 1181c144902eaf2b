import type { ErrorCode, ErrorReason } from './error-reason.ts'
import type { JournalEntry } from './journal.ts'
import type { RestoreGain } from './restored-state.ts'
import type { MemoryReading } from './memory.ts'
import type { CacheReceipt } from './cache-service.ts'
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
  modelCached: CacheReceipt
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
  readonly arrivedAtMs: number
  readonly queueWaitMs: number
  /** Of the wait, the time its model took to load; 0 when it was ready. */
  readonly loadMs: number
  /** From the arrival to the first text; `null` = none came. */
  readonly firstTextMs: number | null
  readonly promptTokens: number
  readonly cachedTokens: number | null
  readonly generatedTokens: number
  readonly durationMs: number
  /** What its model was known to take when the request ended. */
  readonly footprintBytes: number
  /** What came from the KV cache on disk; absent = nothing. */
  readonly restored?: RestoreGain
}

export type EventType = keyof EventPayloads

/** Every event, when it is published and what it carries; `docs/events.md` is made from this. */
export const EVENT_MEANINGS: Readonly<Record<EventType, { readonly when: string; readonly data: string }>> = {
  modelLoading: { when: 'A load is started.', data: '`modelId`, `attempt` (1 = first)' },
  modelLoaded: {
    when: 'A model is in memory and ready.',
    data: '`modelId`, `loadMs`, `footprint` {`bytes`, `source`}, `fromCache` (it had been moved to the cache, and is back from there)',
  },
  modelUnloaded: {
    when: 'A model is out of memory.',
    data: '`modelId`, `reason` (requested, evicted, idle, crashed, stuck, out-of-memory, error-cleanup or shutdown)',
  },
  modelCached: {
    when: 'A model was moved to the cache on disk, and is out of memory.',
    data:
      '`modelId`, `cachePath`, `wasLoaded`, `states` and `tokens` (saved just now), `beforeBytes`, `afterBytes`, `savedBytes`, ' +
      '`sizeSource`, `note` (where something is not as usual)',
  },
  resourcesFreed: { when: 'Models were evicted to make room.', data: '`unloadedModels` (ids)' },
  metricsUpdated: {
    when: 'Every `monitoring.intervalMs` and after every change of a model.',
    data: '`memory` {`atMs`, `totalBytes`, `usedBytes`, `availableBytes`, `pressureRatio`, `pressureSources`, `gpus`}',
  },
  requestFinished: {
    when: 'A request was answered, well or badly.',
    data:
      '`requestId`, `modelId`, `outcome` (`ok` or a reason of `errors.md`), `arrivedAtMs`, `queueWaitMs`, `loadMs`, ' +
      '`firstTextMs`, `durationMs`, `promptTokens`, `cachedTokens`, `generatedTokens`, `footprintBytes`, `restored` {`tokens`, `restoreMs`, `savedMs`} (what came from the KV cache on disk)',
  },
  decided: {
    when: 'Something was decided: a journal entry.',
    data: '`atMs`, `decision`, `modelId`, `requestId`, `reason`, `inputs` (what it was decided on)',
  },
  error: {
    when: 'A load or an unload failed for good, the machine could not be read, or a model’s file in the cache is damaged.',
    data: '`code`, `reason`, `message`, `recoverable`, `modelId`',
  },
}

/** An event as it travels: `id` rises by one, without gaps, within one instance. */
export type GrymEvent = {
  readonly [Type in EventType]: {
    readonly id: number
    readonly type: Type
    readonly atMs: number
    readonly data: EventPayloads[Type]
  }
}[EventType]
