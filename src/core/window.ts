import type { ModelDefinition } from '../spec/model.ts'
import { budgetBytes, committedBytes, freedBytes, leastRamBytes, loadOf } from './budget.ts'
import type { Decisions } from './decisions.ts'
import { fits, isEvictable } from './eviction.ts'
import { usableGpus } from './gpu-room.ts'
import { stayingSibling } from './siblings.ts'
import { leave } from './unloads.ts'
import { isInMemory, isLeaving, type ModelRecord, type RequestRecord, type WaitsFor, type World } from './world.ts'

/**
 * Windows of a model, for clients that name one with each request (Ollama's `num_ctx`). An engine that loads anew whenever
 * the number changes spends its time on loads; here a window is grown once and never shrunk for a request:
 *
 * 1. A wish that the window in force holds changes nothing.
 * 2. A larger one that was not tried yet in this stay, and has room now, beside all that is busy or pinned: the model
 *    leaves once what it serves is answered, and is loaded with the largest window that was wished for.
 * 3. Else the window in force serves it. A wish is never why a load waits or fails: without room, or after a failure
 *    with the larger window, the configured one is loaded.
 *
 * Requests before it in the queue are served with the window in force first.
 *
 * So a stay in memory begins again at most once for each wish that is larger than all before it.
 */
export function growWindow(
  world: World,
  model: ModelRecord,
  request: RequestRecord,
  wanted: ReadonlySet<string>,
  decisions: Decisions,
): WaitsFor | undefined {
  const { larger, definition, triedTokens } = model
  const { wish, requestId } = request
  if (!larger || (wish.contextTokens ?? 0) <= Math.max(definition.contextTokens, triedTokens)) return undefined
  if (larger.definition.contextTokens <= definition.contextTokens || model.unloadRetryAtMs > world.nowMs)
    return undefined
  if (!hasRoom(world, { ...model, definition: larger.definition }, wanted)) return undefined
  if (wanted.has(definition.id)) return 'slot'
  const inputs = { contextTokens: definition.contextTokens, wishedTokens: larger.definition.contextTokens }
  decisions.record('grow-window', { modelId: definition.id, requestId }, inputs)
  leave(model, 'requested', decisions)
  return 'unload'
}

/** The window that a model not in memory is to be loaded with: the largest that was wished for, where it has room now. */
export function chooseWindow(world: World, model: ModelRecord, wanted: ReadonlySet<string>): void {
  const { larger, configured, triedTokens } = model
  const isUntried = larger !== undefined && larger.wishedTokens > triedTokens
  const isLarger = isUntried && hasRoom(world, { ...model, definition: larger.definition }, wanted)
  model.definition = isLarger ? larger.definition : configured
}

/** Bytes that a model of this definition could take now, on GPUs too: an upper bound, for a window within it. */
export function roomBytes(world: World, definition: ModelDefinition): number {
  const record = world.models.get(definition.id)
  const gone = movableNow(world, definition.id, new Set())
  const freeBytes = budgetBytes(world) - committedBytes(world) + freedBytes(world, gone)
  const { weightsBytes, processBytes } = definition.estimate
  const sharedBytes = record && stayingSibling(world, record, gone) ? weightsBytes + processBytes : 0
  const onGpusBytes = usableGpus(world).reduce((sumBytes, { totalBytes }) => sumBytes + totalBytes, 0)
  return Math.max(0, freeBytes + sharedBytes + onGpusBytes)
}

function hasRoom(world: World, grown: ModelRecord, wanted: ReadonlySet<string>): boolean {
  if (leastRamBytes(world, grown) > budgetBytes(world)) return false
  return fits(world, loadOf(world, grown), movableNow(world, grown.definition.id, wanted))
}

/** The model itself, what leaves already, and what may be evicted for it at once. */
function movableNow(world: World, modelId: string, wanted: ReadonlySet<string>): ReadonlySet<string> {
  const mayEvict = world.settings.limits.whenFull === 'evict'
  const going = [...world.models.values()].filter((other) => {
    const { id } = other.definition
    if (id === modelId) return isInMemory(other)
    return isLeaving(other) || (mayEvict && isEvictable(world, other) && !wanted.has(id))
  })
  return new Set(going.map(({ definition }) => definition.id))
}
