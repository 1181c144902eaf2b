import type { ErrorData } from '../spec/errors.ts'
import type { ModelId } from '../spec/model.ts'
import { formatBytes } from '../spec/units.ts'
import { budgetBytes, committedBytes, leastRamBytes, loadOf, missingRoom, type Newcomer } from './budget.ts'
import { chooseVictims, fits } from './eviction.ts'
import type { ModelRecord, World } from './world.ts'
import { isInMemory, isLeaving } from './world.ts'

/** What admission found; `inputs` go into the journal. */
export type Admission = { readonly inputs: Readonly<Record<string, number>> } & (
  | { readonly verdict: 'admit' }
  /** Room will be there once these are out of memory. */
  | { readonly verdict: 'evict'; readonly victims: readonly ModelId[]; readonly waitsFor: 'memory' | 'models' }
  /** Something of ours is busy or in transition: its end may make room. */
  | { readonly verdict: 'wait'; readonly waitsFor: 'memory' | 'models' }
  | { readonly verdict: 'reject'; readonly error: ErrorData }
)

/**
 * May this model be loaded now? In this order:
 *
 * 1. It would not fit even into the empty machine: reject for good (`model-too-large`).
 * 2. There is room in bytes (`committed + added ≤ memoryThreshold × total`) and in models: admit.
 * 3. Else {@link makeRoom}.
 */
export function admit(world: World, model: ModelRecord, wanted: ReadonlySet<ModelId>): Admission {
  const budget = budgetBytes(world)
  const load = loadOf(world, model)
  const inputs = inputsOf(world, load)
  const leastBytes = leastRamBytes(world, model)
  if (leastBytes > budget) return { verdict: 'reject', inputs, error: tooLarge(model, leastBytes, budget) }
  return makeRoom(world, load, wanted)
}

/**
 * Room for a newcomer that the empty machine would hold, in RAM, among the models, and on GPUs for as many of its layers
 * as would lie there if everything of ours that may go had gone:
 *
 * 1. There is room: admit.
 * 2. `whenFull: 'reject'`: reject.
 * 3. Models that are leaving already will make room: wait for them.
 * 4. Idle models that, gone, make room: evict them.
 * 5. A model of ours is busy, loading or leaving, or a promise to one that is not loaded will end: wait for it.
 * 6. Nothing of ours will make room: reject. Waiting would only look like an answer.
 *
 * Where only room on GPUs is missing, admit takes the place of reject: those layers lie in RAM. Not so beside a loaded
 * model on the same weights, whose layers lie where they lie.
 */
export function makeRoom(world: World, newcomer: Newcomer, wanted: ReadonlySet<ModelId>): Admission {
  const inputs = inputsOf(world, newcomer)
  const missing = missingRoom(world, newcomer, NONE)
  const isRoomInRam = missing.bytes === 0 && missing.models === 0
  if (isRoomInRam && missing.layers === 0) return { verdict: 'admit', inputs }
  const waitsFor = missing.models > 0 ? 'models' : 'memory'
  // What GPUs cannot take lies in RAM: slower, but served.
  const full: Admission =
    isRoomInRam && !newcomer.isBoundToGpus
      ? { verdict: 'admit', inputs }
      : { verdict: 'reject', inputs, error: isRoomInRam ? noGpuRoom(newcomer) : noRoom(world, newcomer, waitsFor) }
  if (world.settings.limits.whenFull === 'reject') return full

  const inMemory = [...world.models.values()].filter(isInMemory)
  const leaving = new Set(inMemory.filter(isLeaving).map((other) => other.definition.id))
  if (fits(world, newcomer, leaving)) return { verdict: 'wait', waitsFor, inputs }
  const victims = chooseVictims(world, newcomer, leaving, wanted)
  if (victims.length > 0) return { verdict: 'evict', victims, waitsFor, inputs }
  const isHope = [...world.models.values()].some(
    (other) =>
      other !== newcomer.model &&
      (!isRoomInRam || other.placement !== undefined) &&
      (isInMemory(other) ? willChange(world, other, wanted) : other.allocatedBytes > 0),
  )
  return isHope ? { verdict: 'wait', waitsFor, inputs } : full
}

function inputsOf(world: World, newcomer: Newcomer): Admission['inputs'] {
  return {
    addedBytes: newcomer.addedBytes(NONE),
    committedBytes: committedBytes(world),
    budgetBytes: budgetBytes(world),
    modelsInMemory: [...world.models.values()].filter(isInMemory).length,
    maxModelsLoaded: world.settings.limits.maxModelsLoaded,
  }
}

const NONE: ReadonlySet<ModelId> = new Set()

/** Will this model become evictable, or be gone, without anyone's help? A pinned one stays. */
function willChange(world: World, model: ModelRecord, wanted: ReadonlySet<ModelId>): boolean {
  if (model.state !== 'ready' || isLeaving(model)) return true
  if (model.pinned) return false
  return model.running.size > 0 || wanted.has(model.definition.id) || model.unloadRetryAtMs > world.nowMs
}

/** It would not fit even if nothing else ran. */
export function tooLarge(model: ModelRecord, neededBytes: number, budget: number): ErrorData {
  return {
    reason: 'model-too-large',
    message:
      `Memory limit exceeded: ${model.definition.id} needs about ${formatBytes(neededBytes)}, and this machine has ` +
      `${formatBytes(budget)} for models in all. Use a smaller model, a smaller quantisation or a smaller context.`,
    details: { neededBytes, budgetBytes: budget },
  }
}

function noRoom(world: World, newcomer: Newcomer, waitsFor: 'memory' | 'models'): ErrorData {
  const { maxModelsLoaded, whenFull } = world.settings.limits
  if (waitsFor === 'models') {
    const why = whenFull === 'reject' ? 'limits.whenFull is `reject`' : 'none of them may be evicted'
    return {
      reason: 'model-limit-reached',
      message:
        `Maximum number of models loaded: ${maxModelsLoaded} are in memory and ${why}. ` +
        'Unpin or unload one, or raise limits.maxModelsLoaded.',
      details: { maxModelsLoaded },
    }
  }
  const [added, committed, budget] = [newcomer.addedBytes(NONE), committedBytes(world), budgetBytes(world)]
  return {
    reason: 'memory-limit-exceeded',
    message:
      `Memory limit exceeded: ${newcomer.model.definition.id} needs about ${formatBytes(added)}, but ` +
      `${formatBytes(committed)} of the ${formatBytes(budget)} for models are in use, and nothing of grym's can be ` +
      'given back for it. Close other programs, unpin a model or use a smaller context.',
    details: { neededBytes: added, committedBytes: committed, budgetBytes: budget },
  }
}

function noGpuRoom({ model }: Newcomer): ErrorData {
  const { id } = model.definition
  return {
    reason: 'memory-limit-exceeded',
    message:
      `Memory limit exceeded: ${id} would share the weights of a loaded model that lie on a GPU, which has no room for ` +
      'another context, and that model stays. Unpin or unload it, or use a smaller context.',
  }
}
