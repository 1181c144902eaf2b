import type { ErrorData } from '../spec/errors.ts'
import type { GpuPlacement } from '../spec/gpu-placement.ts'
import type { MemoryReading } from '../spec/memory.ts'
import type { EngineKey, Footprint, ModelDefinition, ModelId } from '../spec/model.ts'
import type { ModelWish } from '../spec/model-wish.ts'
import type { EngineLossCause, SpareProcess } from '../spec/provider.ts'
import type { Settings } from '../spec/settings.ts'
import type { AllocationRequest } from '../spec/status.ts'
import type { LargerWindow, RequestKind } from './world.ts'

/**
 * What happened, told to {@link step} in the order it happened. One per request, per load and per sample; never one
 * per token. `loadId` and `grantId` repeat what the effect carried: an answer to an effect that was given up is stale
 * and ignored.
 */
export type CoreEvent = { readonly atMs: number } & (
  | {
      readonly type: 'requestArrived'
      readonly requestId: string
      readonly definition: ModelDefinition
      readonly kind: RequestKind
      /** Of an `allocate`. */
      readonly allocation?: AllocationRequest
      /** Digest of what is asked: the same request has the same one. */
      readonly requestHash: string
      /** How its model is to be kept; absent = as it is. */
      readonly wish?: ModelWish | undefined
      /** Absent = nobody wished for more than its definition has. */
      readonly larger?: LargerWindow | undefined
    }
  | { readonly type: 'requestCancelled'; readonly requestId: string }
  | { readonly type: 'requestAnswering'; readonly requestId: string; readonly grantId: number }
  | { readonly type: 'requestFinished'; readonly requestId: string; readonly grantId: number }
  | {
      readonly type: 'unloadRequested'
      readonly requestId: string
      readonly modelId: ModelId
      /** Once it leaves, it is moved to the cache on disk. */
      readonly toCache?: boolean
    }
  | {
      readonly type: 'pinRequested'
      readonly requestId: string
      readonly definition: ModelDefinition
      readonly pinned: boolean
    }
  | {
      readonly type: 'loadSucceeded'
      readonly modelId: ModelId
      readonly loadId: number
      readonly loadMs: number
      readonly footprint: Footprint
      readonly contextTokens: number
      readonly parallel?: number
      readonly heldFileBytes: number
      /** As the engine tells it; else what was asked for holds. */
      readonly placement?: GpuPlacement
      readonly pid?: number
      /** It was moved to the cache, and came back from there. */
      readonly fromCache?: boolean
      readonly memory: MemoryReading
    }
  | {
      readonly type: 'loadFailed'
      readonly modelId: ModelId
      readonly loadId: number
      readonly error: ErrorData
      readonly memory: MemoryReading
    }
  | { readonly type: 'unloadSucceeded'; readonly modelId: ModelId; readonly memory: MemoryReading }
  | { readonly type: 'unloadFailed'; readonly modelId: ModelId; readonly error: ErrorData }
  | {
      readonly type: 'engineLost'
      readonly engineKey: EngineKey
      readonly cause: EngineLossCause
      readonly detail: string
      readonly memory: MemoryReading
    }
  | { readonly type: 'footprintMeasured'; readonly modelId: ModelId; readonly footprint: Footprint }
  /** The process that waits for a model is there, or is not any more: taken by a load, ended, or lost. */
  | { readonly type: 'spareChanged'; readonly spare: SpareProcess | undefined; readonly memory: MemoryReading }
  | { readonly type: 'memorySampled'; readonly memory: MemoryReading }
  | { readonly type: 'settingsChanged'; readonly settings: Settings }
  | { readonly type: 'shutdownRequested' }
  | { readonly type: 'timePassed' }
)
