import type { GpuPlacement } from '../spec/gpu-placement.ts'
import { BACKEND_VENDORS, type GpuReading } from '../spec/gpu.ts'
import type { ModelId } from '../spec/model.ts'
import { type GpuRoom, placeBeside, placeLayers, shareBytes } from './gpu-placement.ts'
import { stayingSibling } from './siblings.ts'
import type { ModelRecord, World } from './world.ts'
import { isInMemory, isLeaving } from './world.ts'

/**
 * Where the model's layers would lie once `leaving` are out of memory. Beside weights that stay, where those lie; else
 * where there is room. `undefined` = in RAM, all of it.
 */
export function placementOnce(
  world: World,
  model: ModelRecord,
  leaving: ReadonlySet<ModelId>,
): GpuPlacement | undefined {
  const { gpu: need } = model.definition
  const sibling = stayingSibling(world, model, leaving)
  // Whatever is wished for by now, or has failed since.
  if (sibling) return sibling.placement && need && placeBeside(need, sibling.placement)
  return placeIn(world, model, gpuRooms(world, leaving))
}

/**
 * Layers that are missing on GPUs once `leaving` are out of memory: of those that would lie there if everything of ours
 * that may go had gone. Beside weights that stay there is no choice: all or, where the context has no room, all missing.
 */
export function missingLayers(world: World, model: ModelRecord, leaving: ReadonlySet<ModelId>): number {
  const placement = placementOnce(world, model, leaving)
  const sibling = stayingSibling(world, model, leaving)
  if (sibling) return placement && !hasRoom(world, placement, leaving) ? placement.layers : 0
  const best = placementOnce(world, model, movable(world, model))
  return Math.max(0, (best?.layers ?? 0) - (placement?.layers ?? 0))
}

/** Where they would lie if nothing else took memory of this machine. */
export function emptyPlacement(world: World, model: ModelRecord): GpuPlacement | undefined {
  const { memoryThreshold } = world.settings.limits
  const rooms = usableGpus(world).map((gpu) => roomOn(gpu, Math.floor(memoryThreshold * gpu.totalBytes)))
  return placeIn(world, model, rooms)
}

/** What loads may still put on each GPU, as RAM is reckoned: a part of the whole, less what is used and promised. */
export function gpuRooms(world: World, leaving: ReadonlySet<ModelId>): readonly GpuRoom[] {
  const { memoryThreshold } = world.settings.limits
  return usableGpus(world).map((gpu) => {
    const { index, totalBytes, usedBytes } = gpu
    const committedBytes = committedGpuBytes(world, index, usedBytes) - freedGpuBytes(world, index, leaving)
    return roomOn(gpu, Math.floor(memoryThreshold * totalBytes) - committedBytes)
  })
}

function roomOn({ index: gpu, uuid, isShared }: GpuReading, freeBytes: number): GpuRoom {
  return { gpu, ...(uuid !== undefined && { uuid }), isShared, freeBytes }
}

/** Used now plus promised to loads in flight, which the reading may show already in part. */
export function committedGpuBytes(world: World, gpu: number, usedBytes: number): number {
  let sumBytes = usedBytes
  for (const model of world.models.values()) if (model.load) sumBytes += bytesOn(model.placement, gpu)
  return sumBytes
}

/** GPUs that the backend can use and whose memory can be read. */
export function usableGpus(world: World): readonly GpuReading[] {
  const backend = world.settings.gpuBackend
  if (!backend) return []
  return world.memory.gpus.filter(({ vendor }) => BACKEND_VENDORS[backend].includes(vendor))
}

/** The weights on GPUs are counted with another model on them from now on. */
export function inheritWeights(from: ModelRecord, heir: ModelRecord): void {
  if (!from.placement || !heir.placement) return
  const shareOn = new Map(from.placement.shares.map((share) => [share.gpu, share]))
  heir.placement = {
    ...heir.placement,
    sparedWeightsBytes: heir.placement.sparedWeightsBytes + from.placement.sparedWeightsBytes,
    shares: heir.placement.shares.map((share) => ({
      ...share,
      deviceBytes: share.deviceBytes + (shareOn.get(share.gpu)?.deviceBytes ?? 0),
      weightsBytes: share.weightsBytes + (shareOn.get(share.gpu)?.weightsBytes ?? 0),
    })),
  }
}

/** Where there is room, if GPUs are to be used: fewer layers than a person allows where so many have found none. */
function placeIn(world: World, model: ModelRecord, rooms: readonly GpuRoom[]): GpuPlacement | undefined {
  const { gpu: need } = model.definition
  const backend = world.settings.gpuBackend
  if (!need || !backend || world.gpuFault !== undefined) return undefined
  const mostLayers = Math.min(need.mostLayers, model.mostGpuLayers)
  return placeLayers({ ...need, mostLayers }, backend, rooms)
}

/** Everything of ours that leaves, or may be made to leave, some time: all but what is pinned. */
function movable(world: World, newcomer: ModelRecord): ReadonlySet<ModelId> {
  const inMemory = [...world.models.values()].filter((other) => other !== newcomer && isInMemory(other))
  return new Set(inMemory.filter((other) => !other.pinned || isLeaving(other)).map(({ definition }) => definition.id))
}

function freedGpuBytes(world: World, gpu: number, leaving: ReadonlySet<ModelId>): number {
  let sumBytes = 0
  for (const id of leaving) {
    const model = world.models.get(id)
    const share = model?.placement?.shares.find((other) => other.gpu === gpu)
    if (!model || !share) continue
    sumBytes += stayingSibling(world, model, leaving) ? share.contextBytes : shareBytes(share)
  }
  return sumBytes
}

function hasRoom(world: World, placement: GpuPlacement, leaving: ReadonlySet<ModelId>): boolean {
  return gpuRooms(world, leaving).every(({ gpu, freeBytes }) => bytesOn(placement, gpu) <= freeBytes)
}

function bytesOn(placement: GpuPlacement | undefined, gpu: number): number {
  const share = placement?.shares.find((other) => other.gpu === gpu)
  return share ? shareBytes(share) : 0
}
