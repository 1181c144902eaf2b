import type { GpuBackend } from './gpu.ts'

/**
 * Everything the core and the manager decide by. Defaults stand once, in {@link DEFAULT_SETTINGS}; `config` fills
 * them from flags, environment and file.
 */
export interface Settings {
  readonly limits: LimitSettings
  readonly retry: RetrySettings
  readonly breaker: BreakerSettings
  readonly quarantine: QuarantineSettings
  readonly sampling: SamplingIntervalSettings
  readonly pressure: PressureLevels
  /** What the embedded engine computes with beside the CPU; `null` = nothing. Default `null`: what is installed decides. */
  readonly gpuBackend: GpuBackend | null
}

export interface LimitSettings {
  /** Models in memory at once (loading, ready and unloading ones). Default 3; at the limit: evict or wait. */
  readonly maxModelsLoaded: number
  /** Fraction of the machine's memory that loads may fill, 0–1. Default 0.8. */
  readonly memoryThreshold: number
  /** Idle time until a model is unloaded, ms; `Infinity` = no timer. Default 300000 (5 minutes). */
  readonly inactivityTimeoutMs: number
  /** Longest wait for a model: in the queue, and of one load, ms. Default 300000. */
  readonly loadTimeoutMs: number
  /** Requests that may wait at once. Default 512; the next one is refused with `queue-full`. */
  readonly maxQueuedRequests: number
  /** Engine processes that may generate at once. Default: the cores this process may use. */
  readonly maxBusyEngines: number
  /** At the model limit or without room: evict idle models, or refuse. Default `evict`. */
  readonly whenFull: 'evict' | 'reject'
}

export interface RetrySettings {
  /** Attempts of one load. Default 3 (R10). */
  readonly maxAttempts: number
  /** Delay before the second attempt, ms. Default 1000. */
  readonly firstDelayMs: number
  /** Growth of the delay. Default 1.5. */
  readonly factor: number
  /** Longest delay, ms. Default 30000. */
  readonly maxDelayMs: number
}

export interface BreakerSettings {
  /** Failed attempts in a row that open a model's circuit. Default 4 (R11). */
  readonly failureThreshold: number
  /** How long it stays open before one attempt is let through, ms. Default 60000. */
  readonly openMs: number
}

export interface QuarantineSettings {
  /** Engine crashes while serving the same request that quarantine it. Default 2. */
  readonly crashThreshold: number
  /** How long, ms. Default 600000 (10 minutes). */
  readonly durationMs: number
  /** Request hashes remembered. Default 1000; the oldest is forgotten. */
  readonly maxHashes: number
}

export interface SamplingIntervalSettings {
  /** Between two readings of the machine's memory, ms. Default 1000. */
  readonly intervalMs: number
  /** Between two `metricsUpdated` while no model changes, ms. Default 5000. */
  readonly publishIntervalMs: number
  /** A silence longer than this means the machine slept: deadlines are moved by it, ms. Default 30000. */
  readonly sleepGapMs: number
}

export interface PressureLevels {
  /** Pressure from which on memory is given back, 0–1. Default 0.7 (`memoryPressure.warning`). */
  readonly warningRatio: number
}

export const DEFAULT_SETTINGS: Settings = {
  limits: {
    maxModelsLoaded: 3,
    memoryThreshold: 0.8,
    inactivityTimeoutMs: 300_000,
    loadTimeoutMs: 300_000,
    maxQueuedRequests: 512,
    maxBusyEngines: 1,
    whenFull: 'evict',
  },
  retry: { maxAttempts: 3, firstDelayMs: 1_000, factor: 1.5, maxDelayMs: 30_000 },
  breaker: { failureThreshold: 4, openMs: 60_000 },
  quarantine: { crashThreshold: 2, durationMs: 600_000, maxHashes: 1_000 },
  sampling: { intervalMs: 1_000, publishIntervalMs: 5_000, sleepGapMs: 30_000 },
  pressure: { warningRatio: 0.7 },
  gpuBackend: null,
}
