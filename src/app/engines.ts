import type { Config } from '../config/config.ts'
import type { Providers } from '../manager/engine-room.ts'
import type { Clock } from '../spec/clock.ts'
import type { EngineModels } from '../spec/offered-model.ts'
import type { ProcessMeter } from '../spec/system.ts'

export interface EngineConnections {
  readonly providers: Providers
  readonly models: readonly EngineModels[]
}

export interface ConnectOptions {
  readonly config: Config
  readonly clock: Clock
  readonly processMeter: ProcessMeter
  /** Sent to nobody; an engine that answers with it is ourselves. */
  readonly instanceId: string
  /** How often engines are asked what they hold. */
  readonly watchIntervalMs: () => number
  readonly onSpawned: (pid: number) => void
  readonly onExited: (pid: number) => void
}

/** Engines beside the embedded one, as they are configured. Nothing is asked of them before a model is. */
export function connectEngines(_options: ConnectOptions): EngineConnections {
  return { providers: {}, models: [] }
}
