import type { ErrorData } from '../spec/errors.ts'
import type { ModelId } from '../spec/model.ts'
import { formatBytes } from '../spec/units.ts'
import { addedBytes, budgetBytes, committedBytes, missingRoom, totalBytes } from './budget.ts'
import { chooseVictims, fits } from './eviction.ts'
import type { ModelRecord, World } from './world.ts'
import { isInMemory } from './world.ts'

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
 * 3. `whenFull: 'reject'`: reject.
 * 4. Models that are leaving already will make room: wait for them.
 * 5. Idle models that, gone, make room: evict them.
 * 6. A model of ours is busy, loading or leaving: wait for it.
 * 7. Nothing of ours will make room: reject. Waiting would only look like an answer.
 */
export function admit(world: World, model: ModelRecord, wanted: ReadonlySet<ModelId>): Admission {
  const { limits } = world.settings
  const budget = budgetBytes(world)
  const committed = committedBytes(world)
  const added = addedBytes(world, model, NONE)
  const inMemory = [...world.models.values()].filter(isInMemory)
  const inputs = {
    addedBytes: added,
    committedBytes: committed,
    budgetBytes: budget,
    modelsInMemory: inMemory.length,
    maxModelsLoaded: limits.maxModelsLoaded,
  }
  if (totalBytes(model.definition.estimate) > budget) {
    return { verdict: 'reject', inputs, error: tooLarge(model, budget) }
  }
  const missing = missingRoom(world, model, NONE)
  if (missing.bytes === 0 && missing.models === 0) return { verdict: 'admit', inputs }
  const waitsFor = missing.models > 0 ? 'models' : 'memory'
  const full: Admission = { verdict: 'reject', inputs, error: noRoom(world, model, waitsFor, added, committed, budget) }
  if (limits.whenFull === 'reject') return full

  const leaving = new Set(inMemory.filter(isLeaving).map((other) => other.definition.id))
  if (fits(world, model, leaving)) return { verdict: 'wait', waitsFor, inputs }
  const victims = chooseVictims(world, model, leaving, wanted)
  if (victims.length > 0) return { verdict: 'evict', victims, waitsFor, inputs }
  return inMemory.some((other) => willChange(world, other, wanted)) ? { verdict: 'wait', waitsFor, inputs } : full
}

const NONE: ReadonlySet<ModelId> = new Set()

function isLeaving(model: ModelRecord): boolean {
  return model.state === 'unloading' || model.leaving !== undefined
}

/** Will this model become evictable, or be gone, without anyone's help? A pinned one stays. */
function willChange(world: World, model: ModelRecord, wanted: ReadonlySet<ModelId>): boolean {
  if (model.state !== 'ready' || isLeaving(model)) return true
  if (model.pinned) return false
  return model.running.size > 0 || wanted.has(model.definition.id) || model.unloadRetryAtMs > world.nowMs
}

function tooLarge(model: ModelRecord, budget: number): ErrorData {
  const needs = totalBytes(model.definition.estimate)
  return {
    reason: 'model-too-large',
    message:
      `Memory limit exceeded: ${model.definition.id} needs about ${formatBytes(needs)}, and this machine has ` +
      `${formatBytes(budget)} for models in all. Use a smaller model, a smaller quantisation or a smaller context.`,
    details: { neededBytes: needs, budgetBytes: budget },
  }
}

function noRoom(
  world: World,
  model: ModelRecord,
  waitsFor: 'memory' | 'models',
  added: number,
  committed: number,
  budget: number,
): ErrorData {
  const { maxModelsLoaded, whenFull } = world.settings.limits
  const why = whenFull === 'reject' ? 'limits.whenFull is `reject`' : 'none of them may be evicted'
  if (waitsFor === 'models') {
    return {
      reason: 'model-limit-reached',
      message:
        `Maximum number of models loaded: ${maxModelsLoaded} are in memory and ${why}. ` +
        'Unpin or unload one, or raise limits.maxModelsLoaded.',
      details: { maxModelsLoaded },
    }
  }
  return {
    reason: 'memory-limit-exceeded',
    message:
      `Memory limit exceeded: ${model.definition.id} needs about ${formatBytes(added)}, but ${formatBytes(committed)} of ` +
      `the ${formatBytes(budget)} for models are in use, and nothing of grym's can be given back for it. ` +
      'Close other programs, unpin a model or use a smaller context.',
    details: { neededBytes: added, committedBytes: committed, budgetBytes: budget },
  }
}
