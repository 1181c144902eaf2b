import type { PreservationStrategy, PressureAction, SummarizationMethod } from '../spec/guide-config.ts'
import type { StateCacheSettings } from '../spec/state-cache.ts'
import { DEFAULT_SETTINGS, type Settings } from '../spec/settings.ts'

/** Checked values by the keys of the table of options. */
export type Values = Readonly<Record<string, unknown>>

export interface BufferSettings {
  readonly context: { readonly initialBytes: number; readonly maxBytes: number; readonly compressionThreshold: number }
  readonly working: { readonly initialBytes: number; readonly maxBytes: number; readonly optimizationThreshold: number }
}

export interface PressureSettings {
  readonly warning: number
  readonly critical: number
  readonly action: PressureAction
}

export interface PreservationSettings {
  readonly enabled: boolean
  readonly preservationStrategy: PreservationStrategy
  readonly maxPreservedContexts: number
  readonly preservationThreshold: number
  readonly summarizationConfig: {
    readonly maxTokens: number
    readonly method: SummarizationMethod
    readonly preserveRecentMessages: number
    readonly compressionRatio: number
    readonly minPreservedQuality: number
  }
}

export interface ConversationSettings {
  /** The one switch: false keeps nothing. */
  readonly keep: boolean
  readonly maxCount: number
  readonly maxBytes: number
  readonly maxAgeMs: number
  /** SHA-256, hex in small letters, of keys whose requests are not kept. */
  readonly exceptKeys: readonly string[]
}

export interface JournalSettings {
  readonly maxRows: number
  readonly maxAgeMs: number
}

export interface CacheSettings extends StateCacheSettings {
  /** Below which `.cache/models` lies; `undefined` = the state folder. */
  readonly folder: string | undefined
}

/** The guide's megabytes are decimal. */
const BYTES_PER_MEGABYTE = 1_000_000

function read<Value>(values: Values, key: string): Value {
  return values[key] as Value
}

function bytesOf(values: Values, key: string): number {
  return Math.round(read<number>(values, key) * BYTES_PER_MEGABYTE)
}

export function settingsOf(values: Values): Settings {
  return {
    ...DEFAULT_SETTINGS,
    limits: {
      ...DEFAULT_SETTINGS.limits,
      maxModelsLoaded: read<number>(values, 'limits.maxModelsLoaded'),
      memoryThreshold: read<number>(values, 'limits.memoryThreshold'),
      inactivityTimeoutMs: read<number>(values, 'limits.inactivityTimeout'),
      loadTimeoutMs: read<number>(values, 'limits.loadTimeout'),
      maxQueuedRequests: read<number>(values, 'limits.maxQueuedRequests'),
      whenFull: read<'evict' | 'reject'>(values, 'limits.whenFull'),
    },
    sampling: {
      ...DEFAULT_SETTINGS.sampling,
      intervalMs: read<number>(values, 'monitoring.sampleIntervalMs'),
      publishIntervalMs: read<number>(values, 'monitoring.intervalMs'),
    },
  }
}

export function modelSizesOf(values: Values): Readonly<Record<string, number>> {
  const sizes = Object.create(null) as Record<string, number>
  for (const [name, megabytes] of Object.entries(read<Record<string, number>>(values, 'modelSizes'))) {
    // Half a byte is none, and a model of no bytes would be one that is nowhere.
    sizes[name] = Math.max(1, Math.round(megabytes * BYTES_PER_MEGABYTE))
  }
  return sizes
}

export function buffersOf(values: Values): BufferSettings {
  return {
    context: {
      initialBytes: bytesOf(values, 'buffers.context.initial'),
      maxBytes: bytesOf(values, 'buffers.context.max'),
      compressionThreshold: read<number>(values, 'buffers.context.compressionThreshold'),
    },
    working: {
      initialBytes: bytesOf(values, 'buffers.working.initial'),
      maxBytes: bytesOf(values, 'buffers.working.max'),
      optimizationThreshold: read<number>(values, 'buffers.working.optimizationThreshold'),
    },
  }
}

export function pressureOf(values: Values): PressureSettings {
  return {
    warning: read<number>(values, 'memoryPressure.warning'),
    critical: read<number>(values, 'memoryPressure.critical'),
    action: read<PressureAction>(values, 'memoryPressure.action'),
  }
}

export function preservationOf(values: Values): PreservationSettings {
  const of = <Value>(key: string): Value => read<Value>(values, `contextPreservation.${key}`)
  return {
    enabled: of<boolean>('enabled'),
    preservationStrategy: of<PreservationStrategy>('preservationStrategy'),
    maxPreservedContexts: of<number>('maxPreservedContexts'),
    preservationThreshold: of<number>('preservationThreshold'),
    summarizationConfig: {
      maxTokens: of<number>('summarizationConfig.maxTokens'),
      method: of<SummarizationMethod>('summarizationConfig.method'),
      preserveRecentMessages: of<number>('summarizationConfig.preserveRecentMessages'),
      compressionRatio: of<number>('summarizationConfig.compressionRatio'),
      minPreservedQuality: of<number>('summarizationConfig.minPreservedQuality'),
    },
  }
}

export function conversationsOf(values: Values): ConversationSettings {
  return {
    keep: read<boolean>(values, 'conversations.keep'),
    maxCount: read<number>(values, 'conversations.maxCount'),
    maxBytes: read<number>(values, 'conversations.maxBytes'),
    maxAgeMs: read<number>(values, 'conversations.maxAge'),
    exceptKeys: read<readonly string[]>(values, 'conversations.exceptKeys'),
  }
}

export function kvcacheOf(values: Values): CacheSettings {
  const of = <Value>(key: string): Value => read<Value>(values, `kvcache.${key}`)
  const ttlMs = of<number>('ttl')
  return {
    isEnabled: of<boolean>('enabled'),
    maxBytes: of<number>('maxBytes'),
    maxEntries: of<number>('maxEntries'),
    writeBudgetBytesPerHour: of<number>('writeBudgetBytesPerHour'),
    minTokens: of<number>('minTokens'),
    ttlMs: Number.isFinite(ttlMs) ? ttlMs : null,
    isEncrypted: of<boolean>('encrypt'),
    compression: of<'auto' | 'off'>('compression'),
    folder: of<string | undefined>('folder'),
  }
}

export function journalOf(values: Values): JournalSettings {
  return {
    maxRows: read<number>(values, 'journal.maxRows'),
    maxAgeMs: read<number>(values, 'journal.maxAge'),
  }
}
