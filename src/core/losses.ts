import type { ErrorData } from '../spec/errors.ts'
import type { UnloadReason } from '../spec/model.ts'
import type { Decisions } from './decisions.ts'
import type { CoreEvent } from './event.ts'
import { quarantine } from './quarantine.ts'
import { quarantined, requeue } from './requests.ts'
import { becomeUnloaded } from './unloads.ts'
import type { ModelRecord, RequestRecord, World } from './world.ts'

type EngineLost = Extract<CoreEvent, { type: 'engineLost' }>

/**
 * An engine is gone, or somebody took its models out of memory. For each request it served:
 *
 * 1. Served at its second loss: quarantined, so that one request cannot take the engine down for ever (where the model
 *    was only taken away, refused).
 * 2. Part of the answer has been sent: it ends with an explicit error; sending it again would repeat text.
 * 3. Else it goes back to its place in the queue and is retried on a fresh engine.
 *
 * Loads in flight on that engine fail by their own `loadFailed`.
 */
export function engineLost(world: World, event: EngineLost, decisions: Decisions): void {
  for (const [modelId, model] of world.models) {
    if (model.definition.engineKey !== event.engineKey) continue
    if (model.state !== 'ready' && model.state !== 'unloading') continue
    decisions.record(
      'engine-lost',
      { modelId, reason: event.cause },
      { running: model.running.size, detail: event.detail },
    )
    const lost = [...model.running]
    const isServing = lost.length > 0
    model.running.clear()
    const expected = model.state === 'unloading' ? model.leaving : undefined
    becomeUnloaded(model, expected ?? unloadReason(event), decisions, expected ?? event.cause)
    model.lastError = lossMessage(event, isServing)
    for (const requestId of lost) {
      const request = world.requests.get(requestId)
      if (request) answerLoss(world, model, request, event, decisions)
    }
  }
}

function answerLoss(
  world: World,
  model: ModelRecord,
  request: RequestRecord,
  event: EngineLost,
  decisions: Decisions,
): void {
  const { requestId } = request
  const modelId = model.definition.id
  request.crashes += 1
  const { crashThreshold, durationMs } = world.settings.quarantine
  const isOver = request.crashes >= crashThreshold
  // Whoever takes a model out of memory under a request proves nothing about that request.
  const isPoison = isOver && event.cause !== 'taken'
  if (isPoison) {
    quarantine(world.quarantine, request.requestHash, world.nowMs, world.settings.quarantine)
    decisions.record('quarantine', { modelId, requestId }, { crashes: request.crashes, durationMs })
  }
  if (!isOver && !request.isAnswering) {
    decisions.record('request-retry', { modelId, requestId }, { crashes: request.crashes })
    requeue(world, request)
    return
  }
  world.requests.delete(requestId)
  const error = isPoison && !request.isAnswering ? quarantined(durationMs) : lossError(event, request)
  decisions.add({ type: 'end', requestId, error })
}

function lossError(event: EngineLost, { isAnswering }: RequestRecord): ErrorData {
  const sent = isAnswering ? 'The answer is cut off here' : 'Nothing of the answer was sent'
  return {
    reason: event.cause === 'stuck' ? 'engine-stuck' : 'engine-lost',
    message: `${lossMessage(event, true)} ${sent}; send the request again.`,
    details: { cause: event.cause },
  }
}

/** Why a model is unloaded whose engine is lost: what others took was evicted, only not by us. */
function unloadReason({ cause }: EngineLost): UnloadReason {
  return cause === 'taken' ? 'evicted' : cause
}

const LOSS_WORDS: Readonly<Record<EngineLost['cause'], string>> = {
  taken: 'The model was taken out of memory by somebody else',
  crashed: 'The engine process ended',
  stuck: 'The engine made no progress and was replaced',
  'out-of-memory': 'The kernel killed the engine for lack of memory',
}

/** @param isServing it served a request then. */
function lossMessage({ cause, detail }: EngineLost, isServing: boolean): string {
  const when = cause === 'crashed' && isServing ? ' while it answered' : ''
  return `${LOSS_WORDS[cause]}${when} (${detail}).`
}
