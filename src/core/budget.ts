import type { FootprintEstimate, ModelId } from '../spec/model.ts'
import { isInMemory, type ModelRecord, type World } from './world.ts'

/** Everything an estimate counts: a first id on its weights. */
export function totalBytes(estimate: FootprintEstimate): number {
  return estimate.weightsBytes + estimate.contextBytes + estimate.processBytes
}

/** Bytes that loads may fill on this machine: `memoryThreshold × total`. */
export function budgetBytes(world: World): number {
  return Math.floor(world.settings.limits.memoryThreshold * world.memory.totalBytes)
}

/**
 * What loading this model adds: all of it, or only its context when a model on the same weights stays in memory (its
 * process and weights are there, or reserved, already).
 *
 * @param leaving models that would be gone by then.
 */
export function addedBytes(world: World, model: ModelRecord, leaving: ReadonlySet<ModelId>): number {
  const { estimate, engineKey } = model.definition
  for (const other of world.models.values()) {
    const isSibling = other !== model && other.definition.engineKey === engineKey
    if (isSibling && isStaying(other) && !leaving.has(other.definition.id)) return estimate.contextBytes
  }
  return totalBytes(estimate)
}

/** What is missing for loading this model once `leaving` are out of memory; nothing missing = it fits. */
export function missingRoom(
  world: World,
  model: ModelRecord,
  leaving: ReadonlySet<ModelId>,
): { readonly bytes: number; readonly models: number } {
  const neededBytes = committedBytes(world) - freedBytes(world, leaving) + addedBytes(world, model, leaving)
  const inMemory = [...world.models.values()].filter(isInMemory).length
  return {
    bytes: Math.max(0, neededBytes - budgetBytes(world)),
    models: Math.max(0, inMemory - leaving.size + 1 - world.settings.limits.maxModelsLoaded),
  }
}

/**
 * Bytes promised to loads in flight. The reading may already show a part of them; counting that part twice for the
 * length of a load is the safe side.
 */
export function reservedBytes(world: World): number {
  let sumBytes = 0
  const readyKeys = new Set<string>()
  for (const model of world.models.values())
    if (model.state === 'ready' && isStaying(model)) readyKeys.add(model.definition.engineKey)
  for (const model of world.models.values()) {
    if (model.state !== 'loading') continue
    const { estimate, engineKey } = model.definition
    sumBytes += readyKeys.has(engineKey) ? estimate.contextBytes : totalBytes(estimate)
    readyKeys.add(engineKey)
  }
  return sumBytes
}

/** Used now plus promised: what a new load is added to (INTERFACES, "Admission"). */
export function committedBytes(world: World): number {
  return world.memory.totalBytes - world.memory.availableBytes + reservedBytes(world)
}

/**
 * What unloading these models gives back. An engine's process and weights return only when its last model goes;
 * until then a model returns its context.
 */
export function freedBytes(world: World, leaving: ReadonlySet<ModelId>): number {
  let sumBytes = 0
  for (const id of leaving) {
    const model = world.models.get(id)
    if (!model) continue
    const stays = [...world.models.values()].some(
      (other) =>
        other.definition.engineKey === model.definition.engineKey &&
        isStaying(other) &&
        !leaving.has(other.definition.id),
    )
    sumBytes += stays ? model.definition.estimate.contextBytes : footprintBytes(model)
  }
  return sumBytes
}

/** The footprint as found at the load, else the estimate. */
export function footprintBytes(model: ModelRecord): number {
  return model.footprint?.bytes ?? totalBytes(model.definition.estimate)
}

/** In memory, or on the way there, and nothing says that it will go. */
function isStaying(model: ModelRecord): boolean {
  return model.state === 'loading' || (model.state === 'ready' && model.leaving === undefined)
}
