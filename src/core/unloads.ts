import type { ErrorData } from '../spec/errors.ts'
import type { JournalEntry } from '../spec/journal.ts'
import type { ModelId, UnloadReason } from '../spec/model.ts'
import { footprintBytes } from './budget.ts'
import type { Decisions } from './decisions.ts'
import type { CoreEvent } from './event.ts'
import { endAllocation } from './allocations.ts'
import { idleTimeoutMs, isEvictable } from './eviction.ts'
import { inheritWeights } from './gpu-room.ts'
import { isInMemory, type ModelRecord, type World } from './world.ts'

/** How long a model that could not be unloaded is left alone. */
const UNLOAD_RETRY_DELAY_MS = 5_000

/**
 * A person asks for it: active requests are completed first, new ones wait and load the model again afterwards. One that is to
 * be moved to the cache is, unless it is on its way out already.
 */
export function requestUnload(
  world: World,
  { requestId, modelId, toCache = false }: Extract<CoreEvent, { type: 'unloadRequested' }>,
  decisions: Decisions,
): void {
  const model = world.models.get(modelId)
  if (model) endAllocation(model, 'requested', decisions)
  if (!model || model.state === 'unloaded' || model.state === 'error') {
    decisions.add({ type: 'end', requestId })
    return
  }
  model.unloadWaiters.add(requestId)
  if (model.state === 'unloading') return
  model.isMovedToCache ||= toCache
  leave(model, 'requested', decisions, toCache ? { toCache } : {})
}

/** Decides that the model goes; {@link unloadLeaving} starts it once nothing is being served. */
export function leave(
  model: ModelRecord,
  reason: UnloadReason,
  decisions: Decisions,
  inputs: JournalEntry['inputs'] = {},
): void {
  if (model.leaving !== undefined) return
  model.leaving = reason
  const decision = reason === 'evicted' ? 'evict' : 'unload'
  decisions.record(decision, { modelId: model.definition.id, reason }, { ...inputs, running: model.running.size })
}

/** Starts the unload of every leaving model that serves nobody. */
export function unloadLeaving(world: World, decisions: Decisions): void {
  for (const [modelId, model] of world.models) {
    if (model.state !== 'ready' || model.leaving === undefined || model.running.size > 0) continue
    model.state = 'unloading'
    decisions.add({ type: 'unload', modelId, reason: model.leaving, ...(model.isMovedToCache && { toCache: true }) })
  }
}

/** Lets go of models idle for as long as their timer says (0 = at once), unless pinned or wanted. */
export function expireIdle(world: World, decisions: Decisions): void {
  for (const model of world.models.values()) {
    const atMs = idleExpiryAtMs(world, model)
    if (atMs === undefined || atMs > world.nowMs || !isEvictable(world, model)) continue
    if (world.queue.some((request) => request.modelId === model.definition.id)) continue
    leave(model, 'idle', decisions, { idleMs: world.nowMs - model.lastUsedAtMs })
  }
}

/** When the model's idle timer runs out; `undefined` while it is busy, pinned or has no timer. */
export function idleExpiryAtMs(world: World, model: ModelRecord): number | undefined {
  const timeoutMs = idleTimeoutMs(world, model)
  if (model.state !== 'ready' || model.pinned || model.running.size > 0 || timeoutMs === Infinity) return undefined
  return model.lastUsedAtMs + timeoutMs
}

export function unloadSucceeded(world: World, modelId: ModelId, decisions: Decisions): void {
  const model = world.models.get(modelId)
  if (model?.state !== 'unloading') return
  passHeldFileOn(world, model)
  becomeUnloaded(model, model.leaving ?? 'requested', decisions)
}

/** Weights that another model goes on using stay mapped: from now on they are counted with that one. */
function passHeldFileOn(world: World, model: ModelRecord): void {
  const { engineKey } = model.definition
  const heir = [...world.models.values()].find(
    (other) => other !== model && other.definition.engineKey === engineKey && isInMemory(other),
  )
  if (!heir) return
  heir.heldFileBytes += model.heldFileBytes
  inheritWeights(model, heir)
}

/** The engine keeps it: it is ready again, and the people who asked are told. */
export function unloadFailed(world: World, modelId: ModelId, error: ErrorData, decisions: Decisions): void {
  const model = world.models.get(modelId)
  if (model?.state !== 'unloading') return
  model.state = 'ready'
  model.leaving = undefined
  model.isMovedToCache = false
  model.unloadRetryAtMs = world.nowMs + UNLOAD_RETRY_DELAY_MS
  decisions.record('unload-failed', { modelId, reason: error.reason })
  decisions.publishError(modelId, error)
  answerUnloadWaiters(model, error, decisions)
}

/** Out of memory, for whatever reason: tells everyone once. */
export function becomeUnloaded(
  model: ModelRecord,
  reason: UnloadReason,
  decisions: Decisions,
  /** What stands in the journal: it knows finer reasons than listeners are told. */
  recorded: JournalEntry['reason'] = reason,
): void {
  const modelId = model.definition.id
  decisions.record(
    'unload-done',
    { modelId, ...(recorded && { reason: recorded }) },
    { footprintBytes: footprintBytes(model) },
  )
  model.state = 'unloaded'
  model.leaving = undefined
  model.isMovedToCache = false
  model.footprint = undefined
  model.heldFileBytes = 0
  model.placement = undefined
  model.mostGpuLayers = Infinity
  model.pid = undefined
  model.keepAliveMs = undefined
  model.triedTokens = 0
  endAllocation(model, reason, decisions)
  decisions.publish({ type: 'modelUnloaded', data: { modelId, reason } })
  if (reason === 'evicted') decisions.publish({ type: 'resourcesFreed', data: { unloadedModels: [modelId] } })
  answerUnloadWaiters(model, undefined, decisions)
}

/** Tells everyone who asked for the unload how it ended. */
export function answerUnloadWaiters(model: ModelRecord, error: ErrorData | undefined, decisions: Decisions): void {
  for (const requestId of model.unloadWaiters) decisions.add({ type: 'end', requestId, ...(error && { error }) })
  model.unloadWaiters.clear()
}
