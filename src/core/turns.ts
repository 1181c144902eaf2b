import { admit, type Admission } from './admission.ts'
import { admitAllocation, startAllocation } from './allocations.ts'
import type { ErrorData } from '../spec/errors.ts'
import { isOpen } from './breaker.ts'
import type { Decisions } from './decisions.ts'
import { keepAlive } from './keep-alive.ts'
import { circuitOpenError, failWaiting, startLoad } from './loads.ts'
import { endWaiting, grant } from './requests.ts'
import { leave } from './unloads.ts'
import { chooseWindow, growWindow } from './window.ts'
import { isLeaving, type ModelRecord, type RequestRecord, type WaitsFor, type World } from './world.ts'

/**
 * Gives turns to waiting requests in the order of the queue. For each, by the state of its model:
 *
 * - ready: grant a lease when a slot and a CPU share are free, else it waits. One whose window is to grow leaves first.
 * - loading, unloading, leaving, backing off: it waits.
 * - unloaded: admission decides: load, evict first, wait, or reject.
 *
 * Once a request waits for room (memory or a place among the models) no later one gets a turn: it could take what the
 * earlier one waits for. A wait for a slot or the CPU holds nobody else up.
 */
export function giveTurns(world: World, decisions: Decisions): void {
  const wanted = new Set<string>()
  for (const request of [...world.queue]) {
    if (!world.requests.has(request.requestId)) continue
    const model = world.models.get(request.modelId)
    if (!model) throw new Error(`request ${request.requestId} waits for an unknown model`)
    const waitsFor = giveTurn(world, model, request, wanted, decisions)
    if (!waitsFor) continue
    noteWait(request, waitsFor, world, decisions)
    if (waitsFor === 'memory' || waitsFor === 'models') break
    wanted.add(request.modelId)
  }
}

/** Returns what the request waits for, or `undefined` when it was answered or granted. */
function giveTurn(
  world: World,
  model: ModelRecord,
  request: RequestRecord,
  wanted: ReadonlySet<string>,
  decisions: Decisions,
): WaitsFor | undefined {
  const { allocation } = request
  if (allocation) {
    if (isLeaving(model)) return 'unload'
    if (model.state === 'loading') return 'load'
    return giveRoom(world, model, () => admitAllocation(world, model, allocation, wanted), decisions, {
      admit: (inputs) => startAllocation(world, model, request, inputs, decisions),
      reject: (error) => endWaiting(world, request, error, decisions),
    })
  }
  if (model.state === 'loading') return 'load'
  if (isLeaving(model)) return 'unload'
  if (model.state === 'ready') {
    return growWindow(world, model, request, wanted, decisions) ?? serve(world, model, request, decisions)
  }
  if (model.retryAtMs !== undefined && model.retryAtMs > world.nowMs) return 'retry'
  if (isOpen(model.breaker, world.nowMs)) {
    endWaiting(world, request, circuitOpenError(world, model), decisions)
    return undefined
  }
  chooseWindow(world, model, wanted)
  return giveRoom(world, model, () => admit(world, model, wanted), decisions, {
    admit: (inputs) => startLoad(world, model, inputs, decisions),
    reject: (error) => failWaiting(world, model, error, decisions),
  })
}

/** Carries out what admission found for this model. */
function giveRoom(
  world: World,
  { definition: { id: forModel } }: ModelRecord,
  findRoom: () => Admission,
  decisions: Decisions,
  outcome: {
    readonly admit: (inputs: Admission['inputs']) => WaitsFor | undefined
    readonly reject: (error: ErrorData) => void
  },
): WaitsFor | undefined {
  const admission = findRoom()
  switch (admission.verdict) {
    case 'admit':
      return outcome.admit(admission.inputs)
    case 'evict': {
      for (const victim of admission.victims) {
        const record = world.models.get(victim)
        if (!record) continue
        const idleMs = world.nowMs - record.lastUsedAtMs
        leave(record, 'evicted', decisions, { ...admission.inputs, forModel, idleMs })
      }
      // No longer bound to weights on a GPU without room for it, a model may find its place elsewhere at once.
      const now = findRoom()
      return now.verdict === 'admit' ? outcome.admit(now.inputs) : admission.waitsFor
    }
    case 'wait':
      return admission.waitsFor
    case 'reject':
      outcome.reject(admission.error)
      return undefined
  }
}

function serve(world: World, model: ModelRecord, request: RequestRecord, decisions: Decisions): WaitsFor | undefined {
  if (request.kind === 'load') {
    model.lastUsedAtMs = world.nowMs
    keepAlive(model, request, decisions)
    endWaiting(world, request, undefined, decisions)
    return undefined
  }
  if (model.running.size >= model.definition.parallel) return 'slot'
  if (!hasCpuShare(world, model)) return 'cpu'
  world.queue.splice(world.queue.indexOf(request), 1)
  keepAlive(model, request, decisions)
  grant(world, model, request, decisions)
  return undefined
}

/**
 * At most `maxBusyEngines` engine processes generate at once: more would only push each other off the cores. What another
 * machine runs has cores of its own.
 */
function hasCpuShare(world: World, model: ModelRecord): boolean {
  if (model.definition.isElsewhere) return true
  const busy = new Set<string>()
  for (const { running, definition } of world.models.values()) {
    if (running.size > 0 && !definition.isElsewhere) busy.add(definition.engineKey)
  }
  return busy.has(model.definition.engineKey) || busy.size < world.settings.limits.maxBusyEngines
}

/** Journals a wait once, when what is waited for changes. */
function noteWait(request: RequestRecord, waitsFor: WaitsFor, world: World, decisions: Decisions): void {
  if (request.waitsFor === waitsFor) return
  request.waitsFor = waitsFor
  const { modelId, requestId } = request
  decisions.record('wait', { modelId, requestId }, { waitsFor, waiting: world.queue.length })
}
