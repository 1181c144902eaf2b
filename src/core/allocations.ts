import type { ErrorReason } from '../spec/error-reason.ts'
import type { ModelId, UnloadReason } from '../spec/model.ts'
import type { AllocationRequest } from '../spec/status.ts'
import { type Admission, makeRoom, tooLarge } from './admission.ts'
import { budgetBytes, missingRoom, type Newcomer, promisedBytes } from './budget.ts'
import type { Decisions } from './decisions.ts'
import { endWaiting } from './requests.ts'
import type { ModelRecord, RequestRecord, World } from './world.ts'
import { isInMemory } from './world.ts'

const NONE: ReadonlySet<ModelId> = new Set()

/**
 * Memory promised to a model by hand (requirement R12): it counts as committed until the model is out of memory again,
 * or until `limits.inactivityTimeout` has passed without a load. A new promise replaces the old one.
 *
 * 1. More than the empty machine has: reject for good.
 * 2. What is required fits, or can be made to fit: as for a load.
 */
export function admitAllocation(
  world: World,
  model: ModelRecord,
  { requiredBytes }: AllocationRequest,
  wanted: ReadonlySet<ModelId>,
): Admission {
  const budget = budgetBytes(world)
  const required = allocationOf(model, requiredBytes)
  if (requiredBytes > budget) {
    return { verdict: 'reject', inputs: {}, error: tooLarge(model, requiredBytes, budget) }
  }
  return makeRoom(world, required, wanted)
}

/** Promises what is preferred where it is free, else what is required, and answers the request. */
export function startAllocation(
  world: World,
  model: ModelRecord,
  request: RequestRecord,
  inputs: Admission['inputs'],
  decisions: Decisions,
): undefined {
  const { requiredBytes, preferredBytes } = request.allocation ?? { requiredBytes: 0, preferredBytes: 0 }
  const isPreferredFree = missingRoom(world, allocationOf(model, preferredBytes), NONE).bytes === 0
  model.allocatedBytes = isPreferredFree ? Math.max(requiredBytes, preferredBytes) : requiredBytes
  model.allocationExpiresAtMs = world.nowMs + world.settings.limits.inactivityTimeoutMs
  const { requestId, modelId } = request
  decisions.record('allocate', { modelId, requestId }, { ...inputs, allocatedBytes: model.allocatedBytes })
  endWaiting(world, request, undefined, decisions)
}

/** The promise as something that needs room: what it commits beyond what is committed for this model already. */
function allocationOf(model: ModelRecord, bytes: number): Newcomer {
  return {
    model,
    places: 0,
    addedBytes: () => Math.max(0, promisedBytes(model, bytes) - promisedBytes(model, model.allocatedBytes)),
    missingLayers: () => 0,
    isBoundToGpus: false,
  }
}

export function endAllocation(model: ModelRecord, reason: UnloadReason | ErrorReason, decisions: Decisions): void {
  if (model.allocatedBytes === 0) return
  const { allocatedBytes } = model
  model.allocatedBytes = 0
  model.allocationExpiresAtMs = Infinity
  decisions.record('allocation-over', { modelId: model.definition.id, reason }, { allocatedBytes })
}

/** When a promise that no load has used ends; `undefined` = nothing ends. */
export function allocationExpiryAtMs(model: ModelRecord): number | undefined {
  return model.allocatedBytes > 0 && !isInMemory(model) ? model.allocationExpiresAtMs : undefined
}

export function expireAllocations(world: World, decisions: Decisions): void {
  for (const model of world.models.values()) {
    const atMs = allocationExpiryAtMs(model)
    if (atMs !== undefined && atMs <= world.nowMs) endAllocation(model, 'idle', decisions)
  }
}
