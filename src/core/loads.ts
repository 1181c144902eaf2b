import type { ErrorData } from '../spec/errors.ts'
import { ERROR_TABLE } from '../spec/error-table.ts'
import { formatDuration } from '../spec/units.ts'
import { afterFailure, CLOSED_BREAKER, isOpen } from './breaker.ts'
import type { Decisions } from './decisions.ts'
import type { CoreEvent } from './event.ts'
import { endWaiting } from './requests.ts'
import { inheritWeights, placementOnce } from './gpu-room.ts'
import { stayingSibling } from './siblings.ts'
import { retryDelayMs } from './retry.ts'
import { answerUnloadWaiters } from './unloads.ts'
import type { ModelRecord, World } from './world.ts'

type LoadSucceeded = Extract<CoreEvent, { type: 'loadSucceeded' }>

const NONE: ReadonlySet<string> = new Set()

/** Loads whose engine was killed from outside and that are started again at once, in one episode. */
const MAX_LOST_LOADS = 10

/** Returns what those who asked for it wait for from now on. */
export function startLoad(
  world: World,
  model: ModelRecord,
  inputs: Readonly<Record<string, number>>,
  decisions: Decisions,
): 'load' {
  const loadId = ++world.lastSequence
  const modelId = model.definition.id
  model.state = 'loading'
  model.retryAtMs = undefined
  const isBesideWeights = stayingSibling(world, model, NONE) !== undefined
  const placement = placementOnce(world, model, NONE)
  model.placement = placement
  const isGrown = model.definition.contextTokens > model.configured.contextTokens
  if (isGrown) model.triedTokens = model.larger?.wishedTokens ?? 0
  model.load = { loadId, deadlineAtMs: world.nowMs + world.settings.limits.loadTimeoutMs, isBesideWeights, isGrown }
  const attempt = model.failedAttempts + 1
  decisions.record('load', { modelId }, { ...inputs, attempt, ...(placement && { gpuLayers: placement.layers }) })
  decisions.publish({ type: 'modelLoading', data: { modelId, attempt } })
  decisions.add({ type: 'load', definition: model.definition, loadId, ...(placement && { placement }) })
  return 'load'
}

export function loadSucceeded(world: World, event: LoadSucceeded, decisions: Decisions): void {
  const model = loadingModel(world, event.modelId, event.loadId)
  if (!model) return
  const { modelId, footprint, loadMs, fromCache = false } = event
  if (model.breaker.failuresInARow >= world.settings.breaker.failureThreshold) {
    decisions.record('circuit-close', { modelId }, { failuresInARow: model.breaker.failuresInARow })
  }
  model.state = 'ready'
  model.load = undefined
  model.failedAttempts = 0
  model.lostLoads = 0
  model.breaker = CLOSED_BREAKER
  model.lastError = undefined
  model.footprint = footprint
  model.heldFileBytes = event.heldFileBytes
  const { contextTokens, parallel = model.definition.parallel } = event
  model.definition = { ...model.definition, contextTokens, parallel }
  if (event.placement) model.placement = event.placement
  model.pid = event.pid
  model.lastUsedAtMs = world.nowMs
  const inputs = { loadMs, footprintBytes: footprint.bytes, footprintSource: footprint.source }
  decisions.record('load-done', { modelId }, fromCache ? { ...inputs, fromCache } : inputs)
  decisions.publish({ type: 'modelLoaded', data: { modelId, loadMs, footprint, fromCache } })
}

/**
 * A load failed. In this order:
 *
 * 0. It was tried with a larger window than is configured, and another attempt can help: at once with the configured one.
 * 1. Its layers found no room on the GPUs: at once with half of them; in the end with none. The engine ended over them:
 *    at once with none.
 * 2. The GPUs cannot be used at all: at once without them, and so is every load until the settings change.
 * 3. The engine was killed from outside (`engine-lost`): says nothing about the model; again at once, a few times.
 * 4. The failure is deterministic (missing or corrupt file, unknown architecture): never again by itself.
 * 5. Attempts are left and the circuit stays closed: again after a back-off.
 * 6. Else every request that waits for the model gets the error.
 */
export function loadFailed(
  world: World,
  modelId: string,
  loadId: number,
  error: ErrorData,
  decisions: Decisions,
): void {
  const model = loadingModel(world, modelId, loadId)
  if (!model) return
  model.state = 'error'
  const isBesideWeights = model.load?.isBesideWeights === true
  const isGrown = model.load?.isGrown === true
  if (!isBesideWeights) passWeightsOn(world, model)
  // Beside weights that lie already there is no other place to try.
  const triedLayers = isBesideWeights ? 0 : (model.placement?.layers ?? 0)
  model.load = undefined
  model.placement = undefined
  model.lastError = error.message
  model.leaving = undefined
  model.isMovedToCache = false
  answerUnloadWaiters(model, undefined, decisions)
  const { retry, breaker } = world.settings
  const isWanted = world.queue.some((request) => request.modelId === modelId)
  decisions.record('load-failed', { modelId, reason: error.reason }, { attempt: model.failedAttempts + 1 })

  if (isToBeTriedAnew(world, model, { isGrown, triedLayers }, error, decisions)) {
    return isWanted ? undefined : endEpisode(world, model, error, decisions)
  }
  if (!ERROR_TABLE[error.reason].isRetryable) return endEpisode(world, model, error, decisions)

  model.failedAttempts += 1
  model.breaker = afterFailure(model.breaker, world.nowMs, breaker)
  const opened = isOpen(model.breaker, world.nowMs)
  if (opened) {
    decisions.record(
      'circuit-open',
      { modelId },
      { failuresInARow: model.breaker.failuresInARow, openMs: breaker.openMs },
    )
  }
  if (opened || !isWanted || model.failedAttempts >= retry.maxAttempts)
    return endEpisode(world, model, error, decisions)
  const delayMs = retryDelayMs(model.failedAttempts - 1, retry)
  model.retryAtMs = world.nowMs + delayMs
  decisions.record('load-retry', { modelId }, { delayMs, attempt: model.failedAttempts + 1 })
}

/** Rules 0 to 3 of {@link loadFailed}: the next load is another one, or the failure says nothing about this one. */
function isToBeTriedAnew(
  world: World,
  model: ModelRecord,
  tried: { readonly isGrown: boolean; readonly triedLayers: number },
  error: ErrorData,
  decisions: Decisions,
): boolean {
  if (tried.isGrown && ERROR_TABLE[error.reason].isRetryable) clampWindow(model, error, decisions)
  else if (tried.triedLayers > 0 && isGpuFailure(error)) lowerLayers(world, model, tried.triedLayers, error, decisions)
  else if (error.reason === 'engine-lost' && model.lostLoads < MAX_LOST_LOADS) model.lostLoads += 1
  else return false
  return true
}

/** The next load has the configured window: the wish for more was tried in this stay. */
function clampWindow({ definition, configured }: ModelRecord, { reason }: ErrorData, decisions: Decisions): void {
  const inputs = { contextTokens: configured.contextTokens, wishedTokens: definition.contextTokens }
  decisions.record('clamp-window', { modelId: definition.id, reason }, inputs)
}

/** The next load puts fewer layers onto GPUs: half of them, none of this model's, or none at all. */
function lowerLayers(
  world: World,
  model: ModelRecord,
  triedLayers: number,
  error: ErrorData,
  decisions: Decisions,
): void {
  if (error.reason === 'gpu-unusable') world.gpuFault = error.message
  else model.mostGpuLayers = error.reason === 'gpu-load-failed' ? 0 : Math.floor(triedLayers / 2)
  const inputs = { triedLayers, mostLayers: world.gpuFault === undefined ? model.mostGpuLayers : 0 }
  decisions.record('gpu-fewer-layers', { modelId: model.definition.id, reason: error.reason }, inputs)
}

function isGpuFailure({ reason }: ErrorData): boolean {
  return reason === 'gpu-out-of-memory' || reason === 'gpu-load-failed' || reason === 'gpu-unusable'
}

/** A load that was to bring the weights is given up: if another one waits for the same weights, it brings them. */
function passWeightsOn(world: World, model: ModelRecord): void {
  const { engineKey } = model.definition
  for (const other of world.models.values()) {
    if (other === model || other.definition.engineKey !== engineKey || !other.load) continue
    other.load.isBesideWeights = false
    inheritWeights(model, other)
    return
  }
}

/** The attempts are over: one `error` event, and the same answer for everyone who waits for this model. */
function endEpisode(world: World, model: ModelRecord, error: ErrorData, decisions: Decisions): void {
  const answer = loadError(model.definition.id, error)
  model.failedAttempts = 0
  model.lostLoads = 0
  model.triedTokens = 0
  decisions.publishError(model.definition.id, answer)
  failWaiting(world, model, answer, decisions)
}

/** Answers everyone who waits for this model. */
export function failWaiting(world: World, model: ModelRecord, error: ErrorData, decisions: Decisions): void {
  const waiting = world.queue.filter((request) => request.modelId === model.definition.id)
  for (const request of waiting) endWaiting(world, request, error, decisions)
}

/** The message carries the guide's code, because its callers look for it there (requirement R59). */
function loadError(modelId: string, error: ErrorData): ErrorData {
  if (ERROR_TABLE[error.reason].code === 'MODEL_LOAD_FAILED') {
    return { ...error, message: `MODEL_LOAD_FAILED: ${modelId} could not be loaded. ${error.message}` }
  }
  return {
    reason: 'model-load-failed',
    message: `MODEL_LOAD_FAILED: ${modelId} could not be loaded. ${error.message}`,
    details: { ...error.details, engineReason: error.reason },
  }
}

export function circuitOpenError(world: World, model: ModelRecord): ErrorData {
  const retryAfterMs = model.breaker.openUntilMs - world.nowMs
  return {
    reason: 'circuit-open',
    message:
      `MODEL_LOAD_FAILED: loading ${model.definition.id} failed ${model.breaker.failuresInARow} times in a row, so it is ` +
      `not tried for another ${formatDuration(retryAfterMs)}. The last failure: ${model.lastError ?? 'unknown'}`,
    details: { retryAfterMs },
  }
}

/** Gives up loads that take longer than allowed; they count as failed attempts. */
export function expireLoads(world: World, decisions: Decisions): void {
  const { loadTimeoutMs } = world.settings.limits
  for (const [modelId, model] of world.models) {
    const load = model.load
    if (!load || load.deadlineAtMs > world.nowMs) continue
    decisions.add({ type: 'abortLoad', modelId, loadId: load.loadId })
    const message = `It did not finish loading within ${formatDuration(loadTimeoutMs)}. Check the disk, or raise limits.loadTimeout.`
    loadFailed(world, modelId, load.loadId, { reason: 'load-timeout', message }, decisions)
  }
}

/** The model this answer belongs to; `undefined` when the load was given up meanwhile. */
function loadingModel(world: World, modelId: string, loadId: number): ModelRecord | undefined {
  const model = world.models.get(modelId)
  return model?.state === 'loading' && model.load?.loadId === loadId ? model : undefined
}
