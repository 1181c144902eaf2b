import type { GpuPlacement } from '../spec/gpu-placement.ts'
import type { FootprintEstimate, ModelId } from '../spec/model.ts'
import { emptyPlacement, missingLayers, placementOnce } from './gpu-room.ts'
import { stayingSibling } from './siblings.ts'
import { isInMemory, type ModelRecord, type World } from './world.ts'

/** Everything an estimate counts: a first id on its weights. */
export function totalBytes(estimate: FootprintEstimate): number {
  return estimate.weightsBytes + estimate.contextBytes + estimate.processBytes
}

/** What of that lies in RAM with this placement. */
function ramBytes({ definition }: ModelRecord, placement: GpuPlacement | undefined): number {
  const sparedBytes = (placement?.sparedWeightsBytes ?? 0) + (placement?.sparedContextBytes ?? 0)
  return Math.max(0, totalBytes(definition.estimate) - sparedBytes)
}

/** What of its contexts lies in RAM with this placement. */
function contextRamBytes({ definition }: ModelRecord, placement: GpuPlacement | undefined): number {
  return Math.max(0, definition.estimate.contextBytes - (placement?.sparedContextBytes ?? 0))
}

/** The least RAM that a model needs: with nothing else on this machine. */
export function leastRamBytes(world: World, model: ModelRecord): number {
  return ramBytes(model, emptyPlacement(world, model))
}

/** Bytes that loads may fill on this machine: `memoryThreshold × total`. */
export function budgetBytes(world: World): number {
  return Math.floor(world.settings.limits.memoryThreshold * world.memory.totalBytes)
}

/** Places among the loaded models: what another machine runs takes none. */
function placesOf({ definition }: ModelRecord): 0 | 1 {
  return definition.isElsewhere === true ? 0 : 1
}

/** Something that needs room: a model that is to be loaded, or memory that is to be promised to one. */
export interface Newcomer {
  readonly model: ModelRecord
  /** Places among the loaded models that it takes. */
  readonly places: 0 | 1
  /** Bytes of RAM it adds to what is committed, once `leaving` are out of memory. */
  addedBytes(leaving: ReadonlySet<ModelId>): number
  /** Layers that would lie on GPUs if all of ours that may go had gone, and do not once `leaving` are out of memory. */
  missingLayers(leaving: ReadonlySet<ModelId>): number
  /** True when its layers must lie where those of a loaded model do; false = what GPUs cannot take lies in RAM. */
  readonly isBoundToGpus: boolean
}

const NONE: ReadonlySet<ModelId> = new Set()

/**
 * The load of a model. It adds all of it, or only its context when a model on the same weights stays in memory (its
 * process and weights are there, or reserved, already); what was promised to it is committed already.
 */
export function loadOf(world: World, model: ModelRecord): Newcomer {
  return {
    model,
    places: placesOf(model),
    addedBytes(leaving) {
      const placement = placementOnce(world, model, leaving)
      const isBeside = stayingSibling(world, model, leaving) !== undefined
      const bytes = isBeside ? contextRamBytes(model, placement) : ramBytes(model, placement)
      return Math.max(0, bytes - model.allocatedBytes)
    },
    missingLayers: (leaving) => missingLayers(world, model, leaving),
    isBoundToGpus: stayingSibling(world, model, NONE)?.placement !== undefined,
  }
}

/** What is missing for a newcomer once `leaving` are out of memory; nothing missing = it fits. */
export function missingRoom(
  world: World,
  newcomer: Newcomer,
  leaving: ReadonlySet<ModelId>,
): { readonly bytes: number; readonly models: number; readonly layers: number } {
  const neededBytes = committedBytes(world) - freedBytes(world, leaving) + newcomer.addedBytes(leaving)
  const staying = [...world.models.values()].filter((model) => isInMemory(model) && !leaving.has(model.definition.id))
  const places = staying.reduce<number>((sum, model) => sum + placesOf(model), newcomer.places)
  return {
    bytes: Math.max(0, neededBytes - budgetBytes(world)),
    models: newcomer.places === 0 ? 0 : Math.max(0, places - world.settings.limits.maxModelsLoaded),
    layers: newcomer.missingLayers(leaving),
  }
}

/**
 * Bytes promised: to loads in flight, and to models by hand. The reading may already show a part of a load; counting
 * that part twice for the length of the load is the safe side.
 */
export function reservedBytes(world: World): number {
  let sumBytes = 0
  for (const model of world.models.values()) {
    const { load, placement } = model
    const loadBytes = load ? (load.isBesideWeights ? contextRamBytes(model, placement) : ramBytes(model, placement)) : 0
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
    const stays = stayingSibling(world, model, leaving) !== undefined
    sumBytes += stays ? contextRamBytes(model, model.placement) : footprintBytes(model)
    sumBytes += promisedBytes(model, model.allocatedBytes)
  }
  return sumBytes
}

/** The footprint as found at the load, else the estimate. */
export function footprintBytes(model: ModelRecord): number {
  return model.footprint?.bytes ?? ramBytes(model, model.placement)
}
