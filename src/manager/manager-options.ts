import type { ModelCatalog } from '../spec/catalog.ts'
import type { Clock } from '../spec/clock.ts'
import type { Conversations } from '../spec/conversations.ts'
import type { JournalEntry } from '../spec/journal.ts'
import type { MemoryMeter } from '../spec/memory.ts'
import type { Footprint, ModelDefinition, ModelId } from '../spec/model.ts'
import type { StateCacheKeeper } from '../spec/state-cache.ts'
import type { Settings } from '../spec/settings.ts'
import type { Providers } from './engine-room.ts'

/** What an instance says of itself in `status`. */
export interface InstanceIdentity {
  readonly version: string
  readonly instanceId: string
  readonly pid: number
  /** Cores that engines may use. */
  readonly cores: number
}

export interface ManagerOptions {
  readonly clock: Clock
  readonly providers: Providers
  readonly catalog: ModelCatalog
  readonly meter: MemoryMeter
  readonly settings: Settings
  readonly identity: InstanceIdentity
  /** Keeps what is said; absent = nothing is kept. */
  readonly conversations?: Conversations
  /** KV states on disk; absent = none are kept. */
  readonly stateCache?: StateCacheKeeper | undefined
  /** Ids of the kept conversations that a model was asked in last. Default: none. */
  readonly conversationsOf?: (modelId: ModelId) => Promise<readonly string[]>
  /** The last event id of an earlier instance: ids rise across restarts. Default 0. */
  readonly lastEventId?: number
  /** A fresh id for a request. */
  readonly newRequestId: () => string
  /** Every decision, in order. */
  readonly onDecision?: (entry: JournalEntry) => void
  /** A footprint was measured: worth remembering for the next estimate. */
  readonly onFootprint?: (definition: ModelDefinition, footprint: Footprint) => void
  /** A fault beside the work itself: a listener threw, a measurement failed. Goes to the log. */
  readonly onFault?: (error: unknown) => void
}
