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

/** Something that needs room: a model that is to be loaded, or memory that is to be promised to one. */
export interface Newcomer {
  readonly model: ModelRecord
  /** Places among the loaded models that it takes. */
  readonly places: 0 | 1
  /** Bytes it adds to what is committed, once `leaving` are out of memory. */
  addedBytes(leaving: ReadonlySet<ModelId>): number
}

/**
 * The load of a model. It adds all of it, or only its context when a model on the same weights stays in memory (its
 * process and weights are there, or reserved, already); what was promised to it is committed already.
 */
export function loadOf(world: World, model: ModelRecord): Newcomer {
  const { estimate } = model.definition
  return {
    model,
    places: 1,
    addedBytes(leaving) {
      const bytes = hasStayingSibling(world, model, leaving) ? estimate.contextBytes : totalBytes(estimate)
      return Math.max(0, bytes - model.allocatedBytes)
    },
  }
}

/** Will another model on the same weights be in memory once `leaving` are gone? Then it is they who hold the weights. */
export function hasStayingSibling(world: World, model: ModelRecord, leaving: ReadonlySet<ModelId>): boolean {
  const { engineKey } = model.definition
  return [...world.models.values()].some(
    (other) =>
      other !== model &&
      other.definition.engineKey === engineKey &&
      isStaying(other) &&
      !leaving.has(other.definition.id),
  )
}

/** What is missing for a newcomer once `leaving` are out of memory; nothing missing = it fits. */
export function missingRoom(
  world: World,
  newcomer: Newcomer,
  leaving: ReadonlySet<ModelId>,
): { readonly bytes: number; readonly models: number } {
  const neededBytes = committedBytes(world) - freedBytes(world, leaving) + newcomer.addedBytes(leaving)
  const inMemory = [...world.models.values()].filter(isInMemory).length
  const places = inMemory - leaving.size + newcomer.places
  return {
    bytes: Math.max(0, neededBytes - budgetBytes(world)),
    models: newcomer.places === 0 ? 0 : Math.max(0, places - world.settings.limits.maxModelsLoaded),
  }
}

/**
 * Bytes promised: to loads in flight, and to models by hand. The reading may already show a part of a load; counting
 * that part twice for the length of the load is the safe side.
 */
export function reservedBytes(world: World): number {
  let sumBytes = 0
  for (const model of world.models.values()) {
    const { estimate } = model.definition
    const loadBytes = model.load ? (model.load.isBesideWeights ? estimate.contextBytes : totalBytes(estimate)) : 0
    sumBytes += Math.max(loadBytes, promisedBytes(model, model.allocatedBytes))
  }
  return sumBytes
}

/** What a promise of this size commits beyond what the model takes already. */
export function promisedBytes(model: ModelRecord, allocatedBytes: number): number {
  const isTaken = model.state === 'ready' || model.state === 'unloading'
  return Math.max(0, allocatedBytes - (isTaken ? footprintBytes(model) : 0))
}

/**
 * Used now plus promised: what a new load is added to (INTERFACES, "Admission"). The spare process is no part of it: a load
 * takes it for its own, or it goes first ({@link reclaimSpare} in `spare.ts`).
 */
export function committedBytes(world: World): number {
  const usedBytes = world.memory.totalBytes - world.memory.availableBytes
  return Math.max(0, usedBytes - (world.spare?.bytes ?? 0)) + reservedBytes(world)
}

/**
 * What unloading these models gives back, promises to them included. An engine's process and weights return only when its last model goes;
 * until then a model returns its context.
 */
export function freedBytes(world: World, leaving: ReadonlySet<ModelId>): number {
  let sumBytes = 0
  for (const id of leaving) {
    const model = world.models.get(id)
    if (!model) continue
    const stays = hasStayingSibling(world, model, leaving)
    sumBytes += stays ? model.definition.estimate.contextBytes : footprintBytes(model)
    sumBytes += promisedBytes(model, model.allocatedBytes)
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
