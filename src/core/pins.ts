import type { ErrorData } from '../spec/errors.ts'
import { formatBytes } from '../spec/units.ts'
import { budgetBytes, footprintBytes } from './budget.ts'
import type { Decisions } from './decisions.ts'
import type { CoreEvent } from './event.ts'
import type { ModelRecord, World } from './world.ts'
import { knowModel } from './world.ts'

type PinRequested = Extract<CoreEvent, { type: 'pinRequested' }>

/** Pins or unpins; pins that do not fit into the machine together are refused. A pin loads nothing. */
export function requestPin(world: World, event: PinRequested, decisions: Decisions): void {
  const model = knowModel(world, event.definition)
  const { requestId } = event
  const modelId = model.definition.id
  const error = event.pinned ? refusePin(world, model) : undefined
  if (error) {
    // One that the configuration pins is so on first sight; refused, it is not.
    model.pinned = false
    decisions.record('reject', { modelId, requestId, reason: error.reason })
    decisions.add({ type: 'end', requestId, error })
    return
  }
  setPin(world, model, event.pinned, requestId, decisions)
  decisions.add({ type: 'end', requestId })
}

/**
 * What a request says of its model's pin beside what it asks; `undefined` = nothing. Returns why a pin is refused: the
 * request is, too. One on a pinned model changes nothing.
 */
export function changePin(
  world: World,
  model: ModelRecord,
  pinned: boolean | undefined,
  requestId: string,
  decisions: Decisions,
): ErrorData | undefined {
  if (pinned === undefined || pinned === model.pinned) return undefined
  const error = pinned ? refusePin(world, model) : undefined
  if (!error) setPin(world, model, pinned, requestId, decisions)
  return error
}

function setPin(world: World, model: ModelRecord, pinned: boolean, requestId: string, decisions: Decisions): void {
  if (model.pinned === pinned) return
  model.pinned = pinned
  model.lastUsedAtMs = world.nowMs
  decisions.record(pinned ? 'pin' : 'unpin', { modelId: model.definition.id, requestId })
}

function refusePin(world: World, model: ModelRecord): ErrorData | undefined {
  const pinned = [...world.models.values()].filter((other) => other.pinned || other === model)
  const { maxModelsLoaded } = world.settings.limits
  const neededBytes = pinned.reduce((sumBytes, other) => sumBytes + footprintBytes(other), 0)
  const budget = budgetBytes(world)
  if (pinned.length <= maxModelsLoaded && neededBytes <= budget) return undefined
  const names = pinned.map((other) => other.definition.id).join(', ')
  const isCount = pinned.length > maxModelsLoaded
  return {
    reason: isCount ? 'model-limit-reached' : 'memory-limit-exceeded',
    message:
      (isCount
        ? `Maximum number of models loaded: ${maxModelsLoaded}, but ${pinned.length} would be pinned`
        : `Memory limit exceeded: pinned together they need ${formatBytes(neededBytes)} of ${formatBytes(budget)}`) +
      ` (${names}). Unpin one of them first.`,
    details: { neededBytes, budgetBytes: budget },
  }
}
