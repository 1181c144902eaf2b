import type { GpuNeed, GpuPlacement, GpuShare } from '../spec/gpu-placement.ts'
import type { GpuBackend } from '../spec/gpu.ts'

/** A GPU and what may be put onto it, bytes. */
export interface GpuRoom {
  readonly gpu: number
  readonly uuid?: string
  readonly freeBytes: number
  /** True when it is the machine's RAM. */
  readonly isShared: boolean
}

/**
 * Where the layers of a model go: as many onto GPUs as fit, onto as few GPUs as hold so many, those with the most room
 * first. `undefined` = none fits, all of it stays in RAM.
 *
 * A GPU that takes part takes `deviceBytes` and the scratch beside its layers. Where single GPUs cannot be chosen the
 * engine uses all of them.
 */
export function placeLayers(need: GpuNeed, backend: GpuBackend, rooms: readonly GpuRoom[]): GpuPlacement | undefined {
  const byRoom = rooms.toSorted((a, b) => b.freeBytes - a.freeBytes || a.gpu - b.gpu)
  const { canChoose } = BACKENDS[backend]
  const sets = canChoose ? byRoom.map((_, place) => byRoom.slice(0, place + 1)) : rooms.length > 0 ? [byRoom] : []
  const sums = prefixSums(need.layers)
  const { deviceBytes } = BACKENDS[backend]
  const ownBytes = deviceBytes + need.scratchBytes
  const bounds = sets.map((set) => mostLayers(sums, set, ownBytes))
  for (let layers = Math.min(need.mostLayers, Math.max(0, ...bounds)); layers > 0; layers--) {
    for (const [place, set] of sets.entries()) {
      if (layers > (bounds[place] ?? 0)) continue
      const parts = spread(sums, layers, set)
      if (!parts.every(({ room, bytes }) => ownBytes + bytes <= room.freeBytes)) continue
      const shares = parts.map(({ room: { gpu, uuid }, weightsBytes, contextBytes }): GpuShare => ({
        gpu,
        ...(uuid !== undefined && { uuid }),
        deviceBytes,
        weightsBytes,
        contextBytes: need.scratchBytes + contextBytes,
      }))
      const isShared = set.some((room) => room.isShared)
      return { backend, layers, shares, ...spared(need, layers, isShared), source: 'estimated' }
    }
  }
  return undefined
}

/** What a second context on weights that lie already takes of the same GPUs. */
export function placeBeside(need: GpuNeed, placed: GpuPlacement): GpuPlacement {
  const { backend, layers } = placed
  const sumBytes = placed.shares.reduce((sum, share) => sum + share.contextBytes, 0)
  const contextBytes = contextOf(need, layers)
  const shares = placed.shares.map((share) => ({
    ...share,
    deviceBytes: 0,
    weightsBytes: 0,
    // Its layers lie where the first one's do, so their parts are alike.
    contextBytes: need.scratchBytes + Math.ceil(sumBytes === 0 ? 0 : (contextBytes * share.contextBytes) / sumBytes),
  }))
  const isShared = placed.sparedContextBytes === 0
  return { backend, layers, shares, ...spared(need, layers, isShared), sparedWeightsBytes: 0, source: 'estimated' }
}

/** All that a model takes there. */
export function shareBytes({ deviceBytes, weightsBytes, contextBytes }: GpuShare): number {
  return deviceBytes + weightsBytes + contextBytes
}

/** What lies on GPUs and is not needed in RAM then. */
function spared(
  need: GpuNeed,
  layers: number,
  isShared: boolean,
): Pick<GpuPlacement, 'sparedWeightsBytes' | 'sparedContextBytes'> {
  if (isShared) return { sparedWeightsBytes: 0, sparedContextBytes: 0 }
  const moved = need.layers.slice(0, layers).filter(({ isCopy }) => !isCopy)
  return {
    sparedWeightsBytes: moved.reduce((sum, { weightsBytes }) => sum + weightsBytes, 0),
    sparedContextBytes: contextOf(need, layers),
  }
}

function contextOf(need: GpuNeed, layers: number): number {
  return need.layers.slice(0, layers).reduce((sum, { contextBytes }) => sum + contextBytes, 0)
}

/** What each backend can do, and what it takes of a GPU that it uses. */
export const BACKENDS: Readonly<Record<GpuBackend, BackendTraits>> = {
  cuda: { canChoose: true, deviceBytes: 457 * 1_048_576 },
  vulkan: { canChoose: false, deviceBytes: 457 * 1_048_576 },
  metal: { canChoose: false, deviceBytes: 0 },
}

interface BackendTraits {
  /** Can a model be kept on some of them? CUDA names devices by UUID; Vulkan counts in an order that nothing else knows. */
  readonly canChoose: boolean
  /**
   * Taken for the driver and the backend's own buffers. Not measured here: what Ollama leaves free for them
   * (`cudaMinimumMemory` and `rocmMinimumMemory`, 457 MiB). On Apple silicon it is part of the process.
   */
  readonly deviceBytes: number
}

/** What the first so many layers take together: `sums[n]` of n layers. */
interface Sum {
  readonly weightsBytes: number
  readonly contextBytes: number
  readonly bytes: number
}

const NOTHING: Sum = { weightsBytes: 0, contextBytes: 0, bytes: 0 }
/** A model's layers stay the same, and room for them is looked for again and again. */
const SUMS = new WeakMap<GpuNeed['layers'], readonly Sum[]>()

function prefixSums(layers: GpuNeed['layers']): readonly Sum[] {
  const known = SUMS.get(layers)
  if (known) return known
  let last = NOTHING
  const sums = [last]
  for (const layer of layers) {
    const weightsBytes = last.weightsBytes + layer.weightsBytes
    const contextBytes = last.contextBytes + layer.contextBytes
    last = { weightsBytes, contextBytes, bytes: weightsBytes + contextBytes }
    sums.push(last)
  }
  SUMS.set(layers, sums)
  return sums
}

/** No more layers than these fit into the room of all these GPUs together. */
function mostLayers(sums: readonly Sum[], set: readonly GpuRoom[], ownBytes: number): number {
  const freeBytes = set.reduce((sum, room) => sum + room.freeBytes - ownBytes, 0)
  return sums.findLastIndex(({ bytes }) => bytes <= freeBytes)
}

/**
 * As llama.cpp does by itself (`llama_model::load_tensors`): the layers in the order of the model, on one GPU after the
 * other, each as many as its part of the free memory.
 */
function spread(
  sums: readonly Sum[],
  layers: number,
  set: readonly GpuRoom[],
): readonly (Sum & { readonly room: GpuRoom })[] {
  const rooms = set.toSorted((a, b) => a.gpu - b.gpu)
  const freeBytes = rooms.reduce((sum, room) => sum + Math.max(0, room.freeBytes), 0)
  let untilBytes = 0
  let first = 0
  return rooms.map((room, place) => {
    untilBytes += Math.max(0, room.freeBytes)
    // The first layer whose place is not below this GPU's end begins the next one's.
    const end = place === rooms.length - 1 ? layers : freeBytes === 0 ? 0 : Math.ceil((layers * untilBytes) / freeBytes)
    // In the order of the model: the last of the sums' layers first.
    const until = sums[layers - first] ?? NOTHING
    const from = sums[layers - end] ?? NOTHING
    first = end
    return {
      room,
      weightsBytes: until.weightsBytes - from.weightsBytes,
      contextBytes: until.contextBytes - from.contextBytes,
      bytes: until.bytes - from.bytes,
    }
  })
}
