import type { ModelId } from '../spec/model.ts'
import { missingRoom, type Newcomer } from './budget.ts'
import type { ModelRecord, World } from './world.ts'

/** May this model be asked to leave now? Never a leased, pinned or already leaving one. */
export function isEvictable(world: World, model: ModelRecord): boolean {
  return (
    model.state === 'ready' &&
    !model.pinned &&
    model.running.size === 0 &&
    model.leaving === undefined &&
    model.unloadRetryAtMs <= world.nowMs
  )
}

/**
 * The idle models to evict so that `newcomer` fits: those without a timer (`keep_alive: -1`) last, those of a lower
 * priority first, the least recently used first. Chooses nothing when even all of them would not do.
 *
 * A second pass drops every victim the others make unnecessary: a small old model is not thrown out beside the large
 * one that had to go anyway, and a model on the newcomer's own weights stays when it can, because with it go the
 * weights that the newcomer would have shared.
 *
 * @param leaving models that are on their way out already.
 * @param wanted models that an earlier request waits for: never victims of a later one.
 */
export function chooseVictims(
  world: World,
  newcomer: Newcomer,
  leaving: ReadonlySet<ModelId>,
  wanted: ReadonlySet<ModelId>,
): readonly ModelId[] {
  const candidates = [...world.models.values()]
    .filter((model) => model !== newcomer.model && isEvictable(world, model) && !wanted.has(model.definition.id))
    .sort((a, b) => byEvictionOrder(world, a, b))
    .map((model) => model.definition.id)
  const gone = new Set(leaving)
  for (const id of candidates) {
    if (fits(world, newcomer, gone)) break
    gone.add(id)
  }
  if (!fits(world, newcomer, gone)) return []
  for (const id of candidates) {
    if (!gone.delete(id)) continue
    if (!fits(world, newcomer, gone)) gone.add(id)
  }
  return candidates.filter((id) => gone.has(id))
}

/** Would the newcomer fit once these are gone? */
export function fits(world: World, newcomer: Newcomer, gone: ReadonlySet<ModelId>): boolean {
  const { bytes, models, layers } = missingRoom(world, newcomer, gone)
  return bytes === 0 && models === 0 && layers === 0
}

function byEvictionOrder(world: World, a: ModelRecord, b: ModelRecord): number {
  const stays = (model: ModelRecord): number => (idleTimeoutMs(world, model) === Infinity ? 1 : 0)
  return (
    stays(a) - stays(b) ||
    a.definition.priority - b.definition.priority ||
    a.lastUsedAtMs - b.lastUsedAtMs ||
    (a.definition.id < b.definition.id ? -1 : 1)
  )
}

/** The idle timer that a request set, else the model's own, else the one for all, ms; `Infinity` = none. */
export function idleTimeoutMs(world: World, { definition, keepAliveMs }: ModelRecord): number {
  if (keepAliveMs !== undefined) return keepAliveMs ?? Infinity
  if (definition.idleTimeoutMs === 'default') return world.settings.limits.inactivityTimeoutMs
  return definition.idleTimeoutMs ?? Infinity
}
