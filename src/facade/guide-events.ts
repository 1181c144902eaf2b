import type { CacheReceipt } from '../spec/cache-service.ts'
import type { ErrorCode, ErrorReason } from '../spec/error-reason.ts'
import { ResourceError } from '../spec/errors.ts'
import type { GrymEvent } from '../spec/events.ts'
import type { UnloadReason } from '../spec/model.ts'
import { megabytes, type ModelResourceMetrics, type ResourceMetrics, type SystemResources } from './guide-metrics.ts'

/** What moving a model to the cache gave; MB, measured before and after. Nothing saved is 0. */
export interface CacheResult {
  readonly modelId: string
  /** Absolute. */
  readonly cachePath: string
  readonly metrics: SizeMetrics & { readonly savedMemory: number }
}

interface SizeMetrics {
  readonly beforeSize: number
  readonly afterSize: number
}

/** What listeners get, by event. Sizes are MB, those of contexts KB or messages, as the guide has them. */
export interface ResourceManagerEvents {
  modelLoaded: {
    readonly modelId: string
    /** Its state came from disk. */
    readonly fromCache: boolean
    readonly metrics: ModelResourceMetrics
  }
  modelUnloaded: { readonly modelId: string; readonly reason: UnloadReason }
  resourcesFreed: { readonly unloadedModels: string[] }
  metricsUpdated: { readonly system: SystemResources; readonly models: Map<string, ModelResourceMetrics> }
  memoryOptimized: {
    readonly modelId: string
    readonly strategy: string
    readonly savedMemory: number
    readonly timestamp: number
  }
  contextCompressed: { readonly modelId: string; readonly metrics: SizeMetrics & { readonly compressionRatio: number } }
  workingMemoryOptimized: {
    readonly modelId: string
    readonly metrics: SizeMetrics & { readonly memoryReduction: number }
  }
  modelCached: CacheResult
  contextPruned: {
    readonly modelId: string
    readonly metrics: SizeMetrics & { readonly removedMessages: number; readonly memoryReduction: number }
  }
  error: {
    readonly error: ResourceError
    readonly code: ErrorCode
    readonly reason: ErrorReason
    readonly recoverable: boolean
    readonly modelId?: string
    readonly context: Readonly<Record<string, unknown>>
  }
}

export type ResourceManagerEventType = keyof ResourceManagerEvents

/** The two arguments of a listener, so that `type` says what `data` is. */
export type ResourceManagerEvent = {
  readonly [Type in ResourceManagerEventType]: [type: Type, data: ResourceManagerEvents[Type] & { readonly type: Type }]
}[ResourceManagerEventType]

export type ResourceManagerListener = (...event: ResourceManagerEvent) => void

/** A listener that only wants to know what happened; TypeScript does not take it for a {@link ResourceManagerListener}. */
export type ResourceManagerNameListener = (type: ResourceManagerEventType) => void

/**
 * What happened inside, as the guide tells it; `undefined` for events that the guide does not have.
 *
 * @param metrics how things stand at the event.
 * @param nameOf the name by which the caller knows a model.
 */
export function guideEvent(
  event: GrymEvent,
  metrics: ResourceMetrics,
  nameOf: (modelId: string) => string,
): ResourceManagerEvent | undefined {
  switch (event.type) {
    case 'modelLoaded': {
      const modelId = nameOf(event.data.modelId)
      const own = metrics.models.get(modelId)
      // It may have left again before a listener far away heard of it.
      if (!own) return undefined
      return [event.type, { type: event.type, modelId, fromCache: event.data.fromCache, metrics: own }]
    }
    case 'modelUnloaded':
      return [event.type, { type: event.type, modelId: nameOf(event.data.modelId), reason: event.data.reason }]
    case 'modelCached':
      return [event.type, { type: event.type, ...guideCached(event.data, nameOf(event.data.modelId)) }]
    case 'resourcesFreed':
      return [event.type, { type: event.type, unloadedModels: event.data.unloadedModels.map(nameOf) }]
    case 'metricsUpdated':
      return [event.type, { type: event.type, ...metrics }]
    case 'error':
      return ['error', errorEvent(event.data, nameOf)]
    case 'modelLoading':
    case 'requestFinished':
    case 'decided':
      return undefined
  }
}

/** @param modelId the name by which the caller knows the model. */
export function guideCached(receipt: CacheReceipt, modelId: string): CacheResult {
  const { cachePath, beforeBytes, afterBytes, savedBytes } = receipt
  const metrics = {
    beforeSize: megabytes(beforeBytes),
    afterSize: megabytes(afterBytes),
    savedMemory: megabytes(savedBytes),
  }
  return { modelId, cachePath, metrics }
}

/** Does the guide have this event? */
export function isGuideEvent({ type }: GrymEvent): boolean {
  return type !== 'modelLoading' && type !== 'requestFinished' && type !== 'decided'
}

function errorEvent(
  data: Extract<GrymEvent, { type: 'error' }>['data'],
  nameOf: (modelId: string) => string,
): ResourceManagerEvents['error'] & { readonly type: 'error' } {
  const { code, reason, message, recoverable, modelId, requestId } = data
  const named = modelId === undefined ? {} : { modelId: nameOf(modelId) }
  const context = { reason, ...named, ...(requestId !== undefined && { requestId }) }
  const error = new ResourceError(code, message, { reason })
  return { type: 'error', error, code, reason, recoverable, ...named, context }
}
