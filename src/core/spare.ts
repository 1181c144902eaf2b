import type { SpareProcess } from '../spec/provider.ts'
import { budgetBytes, committedBytes } from './budget.ts'
import type { Decisions } from './decisions.ts'
import type { World } from './world.ts'

export function noteSpare(world: World, spare: SpareProcess | undefined): void {
  world.spare = spare && { ...spare, isLeaving: false }
}

/**
 * Lets the spare process go, before anything else is: nobody loses by it but the time that it would have saved.
 *
 * - The machine is at its warning level, or more than the budget is committed with it.
 * - But not while a load of new weights is on its way: that load is about to take it, and its process is a part of what
 *   the load was admitted with.
 */
export function reclaimSpare(world: World, decisions: Decisions): void {
  const { spare, settings, memory } = world
  if (!spare || spare.isLeaving) return
  const isAwaited = [...world.models.values()].some(({ load }) => load && !load.isBesideWeights)
  const committed = committedBytes(world) + spare.bytes
  const isPressed = memory.pressureRatio >= settings.pressure.warningRatio
  if (isAwaited || (!isPressed && committed <= budgetBytes(world))) return
  spare.isLeaving = true
  const inputs = {
    spareBytes: spare.bytes,
    committedBytes: committed,
    pressureRatio: Math.round(memory.pressureRatio * 100) / 100,
  }
  decisions.record('reclaim-spare', {}, inputs)
  decisions.add({ type: 'dropSpare' })
}
