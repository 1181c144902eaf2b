import { endAllocation, expireAllocations } from './allocations.ts'
import { Decisions } from './decisions.ts'
import type { Effect } from './effect.ts'
import type { CoreEvent } from './event.ts'
import { expireLoads, loadFailed, loadSucceeded } from './loads.ts'
import { engineLost } from './losses.ts'
import { requestPin } from './pins.ts'
import { arrive, cancel, endWaiting, expireWaiting, release } from './requests.ts'
import { absorbSleep } from './sleep.ts'
import { noteSpare, reclaimSpare } from './spare.ts'
import { giveTurns } from './turns.ts'
import { expireIdle, leave, requestUnload, unloadFailed, unloadLeaving, unloadSucceeded } from './unloads.ts'
import type { World } from './world.ts'
import { isInMemory } from './world.ts'

/**
 * The whole policy: takes the world from one event to the next and returns what is to be done. Deterministic: the same
 * world and event give the same effects. No clock, no chance, no I/O; the world it is given is the only thing it
 * changes.
 *
 * Every step is "note what happened, then look at the whole": the second half acts on the state as it is now, not on
 * the event that woke it, so a lost or doubled event cannot leave work undone.
 */
export function step(world: World, event: CoreEvent): Effect[] {
  const decisions = new Decisions(world)
  absorbSleep(world, event.atMs, decisions)
  world.nowMs = Math.max(world.nowMs, event.atMs)
  note(world, event, decisions)
  expireLoads(world, decisions)
  expireWaiting(world, decisions)
  expireIdle(world, decisions)
  expireAllocations(world, decisions)
  if (world.isStopping) leaveAll(world, decisions)
  giveTurns(world, decisions)
  // A load by hand that is done may leave a model that is to go as soon as it is idle.
  expireIdle(world, decisions)
  unloadLeaving(world, decisions)
  reclaimSpare(world, decisions)
  return decisions.effects
}

function note(world: World, event: CoreEvent, decisions: Decisions): void {
  switch (event.type) {
    case 'requestArrived':
      return arrive(world, event, decisions)
    case 'requestCancelled':
      return cancel(world, event.requestId)
    case 'requestAnswering':
    case 'requestFinished':
      return noteAnswer(world, event)
    case 'unloadRequested':
      return requestUnload(world, event, decisions)
    case 'pinRequested':
      return requestPin(world, event, decisions)
    case 'loadSucceeded':
      world.memory = event.memory
      return loadSucceeded(world, event, decisions)
    case 'loadFailed':
      world.memory = event.memory
      return loadFailed(world, event.modelId, event.loadId, event.error, decisions)
    case 'unloadSucceeded':
      world.memory = event.memory
      return unloadSucceeded(world, event.modelId, decisions)
    case 'unloadFailed':
      return unloadFailed(world, event.modelId, event.error, decisions)
    case 'engineLost':
      world.memory = event.memory
      return engineLost(world, event, decisions)
    case 'footprintMeasured':
      return noteFootprint(world, event)
    case 'spareChanged':
      world.memory = event.memory
      return noteSpare(world, event.spare)
    case 'memorySampled':
      world.memory = event.memory
      return
    case 'settingsChanged':
      world.settings = event.settings
      world.gpuFault = undefined
      return
    case 'shutdownRequested':
      return stop(world, decisions)
    case 'timePassed':
      return
  }
}

function noteAnswer(world: World, event: Extract<CoreEvent, { type: 'requestAnswering' | 'requestFinished' }>): void {
  const request = world.requests.get(event.requestId)
  // A grant that was taken back (its engine was lost) may still answer late.
  if (!request || request.grantId !== event.grantId) return
  if (event.type === 'requestAnswering') request.isAnswering = true
  else release(world, request)
}

function noteFootprint(world: World, event: Extract<CoreEvent, { type: 'footprintMeasured' }>): void {
  const model = world.models.get(event.modelId)
  if (model?.state === 'ready') model.footprint = event.footprint
}

/** No new work: whoever waits is told, whoever is being served is served to the end. */
function stop(world: World, decisions: Decisions): void {
  if (world.isStopping) return
  world.isStopping = true
  const message = 'The daemon is stopping. Send the request again after the restart.'
  for (const request of [...world.queue]) {
    endWaiting(world, request, { reason: 'shutting-down', message }, decisions)
  }
  // Promises to models in memory end with them.
  for (const model of world.models.values()) if (!isInMemory(model)) endAllocation(model, 'shutdown', decisions)
}

function leaveAll(world: World, decisions: Decisions): void {
  for (const model of world.models.values()) {
    if (isInMemory(model) && model.state === 'ready' && model.unloadRetryAtMs <= world.nowMs) {
      leave(model, 'shutdown', decisions)
    }
  }
}
