import type { ErrorData } from '../spec/errors.ts'
import { formatDuration } from '../spec/units.ts'
import type { CoreEvent } from './event.ts'
import type { Decisions } from './decisions.ts'
import { changePin } from './pins.ts'
import { quarantinedUntilMs } from './quarantine.ts'
import type { ModelRecord, RequestRecord, World } from './world.ts'
import { isInMemory, knowModel } from './world.ts'

type Arrival = Extract<CoreEvent, { type: 'requestArrived' }>

/** Puts a request into the queue, or refuses it at the door: stopping, quarantined, queue full, a pin that does not fit. */
export function arrive(world: World, event: Arrival, decisions: Decisions): void {
  const model = knowModel(world, event.definition)
  const { wish = {} } = event
  if (event.larger || !isInMemory(model)) model.larger = event.larger
  const refusal = refuse(world, event) ?? changePin(world, model, wish.pinned, event.requestId, decisions)
  if (refusal) {
    decisions.record('reject', { modelId: event.definition.id, requestId: event.requestId, reason: refusal.reason })
    decisions.add({ type: 'end', requestId: event.requestId, error: refusal })
    return
  }
  const request: RequestRecord = {
    requestId: event.requestId,
    modelId: model.definition.id,
    kind: event.kind,
    allocation: event.allocation,
    requestHash: event.requestHash,
    wish,
    priority: wish.priority ?? event.definition.priority,
    sequence: ++world.lastSequence,
    deadlineAtMs: world.nowMs + world.settings.limits.loadTimeoutMs,
    grantId: 0,
    isAnswering: false,
    crashes: 0,
    waitsFor: undefined,
  }
  world.requests.set(request.requestId, request)
  enqueue(world, request)
}

/**
 * Before which of two waiting requests the other one gets its turn: the one of higher priority, then the older one.
 * There is no bound on how often a request may be overtaken; its deadline (`limits.loadTimeout`) ends its wait.
 */
export function queueOrder(a: RequestRecord, b: RequestRecord): number {
  return b.priority - a.priority || a.sequence - b.sequence
}

function enqueue(world: World, request: RequestRecord): void {
  const index = world.queue.findIndex((other) => queueOrder(request, other) < 0)
  world.queue.splice(index === -1 ? world.queue.length : index, 0, request)
}

function refuse(world: World, event: Arrival): ErrorData | undefined {
  if (world.isStopping) {
    return { reason: 'shutting-down', message: 'The daemon is stopping. Send the request again after the restart.' }
  }
  const untilMs = quarantinedUntilMs(world.quarantine, event.requestHash, world.nowMs)
  if (untilMs !== undefined) return quarantined(untilMs - world.nowMs)
  const { maxQueuedRequests } = world.settings.limits
  if (world.queue.length >= maxQueuedRequests) {
    return {
      reason: 'queue-full',
      message: `${maxQueuedRequests} requests wait already. Try again later, or raise limits.maxQueuedRequests.`,
      details: { maxQueuedRequests },
    }
  }
  return undefined
}

export function quarantined(remainingMs: number): ErrorData {
  return {
    reason: 'request-quarantined',
    message:
      'The engine crashed twice while it served this very request, so it is not tried again for ' +
      `${formatDuration(remainingMs)}. Change the request, or report it with the id of this error.`,
    details: { retryAfterMs: remainingMs },
  }
}

/** Gives the lease to a waiting request. */
export function grant(world: World, model: ModelRecord, request: RequestRecord, decisions: Decisions): void {
  request.grantId = ++world.lastSequence
  request.waitsFor = undefined
  model.running.add(request.requestId)
  model.lastUsedAtMs = world.nowMs
  const { requestId, modelId, grantId } = request
  decisions.record('grant', { modelId, requestId }, { running: model.running.size, waiting: world.queue.length })
  decisions.add({ type: 'grant', requestId, modelId, grantId })
}

/** Ends a request that waits, with its answer: none for "done", else an error. */
export function endWaiting(
  world: World,
  request: RequestRecord,
  error: ErrorData | undefined,
  decisions: Decisions,
): void {
  removeFromQueue(world, request)
  world.requests.delete(request.requestId)
  const { modelId, requestId } = request
  if (error)
    decisions.record('reject', { modelId, requestId, reason: error.reason }, { waitedFor: request.waitsFor ?? '' })
  decisions.add({ type: 'end', requestId, ...(error && { error }) })
}

/** A running request was answered, or its client left: the lease is free. */
export function release(world: World, request: RequestRecord): void {
  world.requests.delete(request.requestId)
  const model = world.models.get(request.modelId)
  if (!model?.running.delete(request.requestId)) return
  model.lastUsedAtMs = world.nowMs
}

/** The client left: whatever the request was doing, its place is free now. */
export function cancel(world: World, requestId: string): void {
  const request = world.requests.get(requestId)
  if (!request) return
  if (request.grantId > 0) release(world, request)
  else {
    removeFromQueue(world, request)
    world.requests.delete(requestId)
  }
}

/** Back to its old place in the queue: a retried request does not wait twice. */
export function requeue(world: World, request: RequestRecord): void {
  request.grantId = 0
  request.deadlineAtMs = world.nowMs + world.settings.limits.loadTimeoutMs
  enqueue(world, request)
}

function removeFromQueue(world: World, request: RequestRecord): void {
  const index = world.queue.indexOf(request)
  if (index !== -1) world.queue.splice(index, 1)
}

/** Answers waiting requests whose deadline has passed. */
export function expireWaiting(world: World, decisions: Decisions): void {
  for (const request of world.queue.filter((waiting) => waiting.deadlineAtMs <= world.nowMs)) {
    const waitedMs = world.settings.limits.loadTimeoutMs
    endWaiting(
      world,
      request,
      {
        reason: 'queue-timeout',
        message:
          `Resource limit exceeded: waited ${formatDuration(waitedMs)} for ${WAIT_WORDS[request.waitsFor ?? 'slot']}. ` +
          'Try again when the machine is less busy, or raise limits.loadTimeout.',
        details: { waitedMs, waitedFor: request.waitsFor ?? 'slot' },
      },
      decisions,
    )
  }
}

const WAIT_WORDS: Readonly<Record<NonNullable<RequestRecord['waitsFor']>, string>> = {
  slot: 'the requests before it on the same model',
  cpu: 'other models to finish generating',
  load: 'the model to load',
  retry: 'another attempt at loading the model',
  memory: 'memory that busy models hold',
  models: 'one of the loaded models to become idle',
  unload: 'the model to leave memory',
}
