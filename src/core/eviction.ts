import type { ModelId } from '../spec/model.ts'
import { freedBytes } from './budget.ts'
import type { ModelRecord, World } from './world.ts'

/** What is missing for a load. */
export interface RoomNeeded {
  readonly bytes: number
  readonly models: number
}

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
 * The idle models to evict so that `needed` is met, least recently used first, those without a timer
 * (`keep_alive: -1`) last. Pure; chooses nothing when even all of them would not do.
 *
 * A second pass drops every victim the others make unnecessary: a small old model is not thrown out beside the large
 * one that had to go anyway.
 *
 * @param wanted models that an earlier request waits for: never victims of a later one.
 */
export function chooseVictims(world: World, needed: RoomNeeded, wanted: ReadonlySet<ModelId>): readonly ModelId[] {
  const candidates = [...world.models.values()]
    .filter((model) => isEvictable(world, model) && !wanted.has(model.definition.id))
    .sort(byEvictionOrder)
    .map((model) => model.definition.id)
  const victims = new Set<ModelId>()
  for (const id of candidates) {
    if (suffices(world, victims, needed)) break
    victims.add(id)
  }
  if (!suffices(world, victims, needed)) return []
  for (const id of [...victims]) {
    victims.delete(id)
    if (!suffices(world, victims, needed)) victims.add(id)
  }
  return candidates.filter((id) => victims.has(id))
}

function suffices(world: World, victims: ReadonlySet<ModelId>, needed: RoomNeeded): boolean {
  return victims.size >= needed.models && freedBytes(world, victims) >= needed.bytes
}

function byEvictionOrder(a: ModelRecord, b: ModelRecord): number {
  const aStays = a.definition.idleTimeoutMs === null ? 1 : 0
  const bStays = b.definition.idleTimeoutMs === null ? 1 : 0
  return aStays - bStays || a.lastUsedAtMs - b.lastUsedAtMs || (a.definition.id < b.definition.id ? -1 : 1)
}
