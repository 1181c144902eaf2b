import type { GpuPlacement, GpuShare } from '../../spec/gpu-placement.ts'
import type { DeviceBuffers } from './worker/device-buffers.ts'
import type { GpuLoad } from './worker/protocol.ts'

/** A placement as the worker is told it. Devices are named where all of them have a name, in the order of the GPUs. */
export function gpuLoad(placement: GpuPlacement | undefined): GpuLoad | null {
  if (!placement) return null
  const uuids = byGpu(placement.shares).flatMap(({ uuid }) => uuid ?? [])
  const devices = uuids.length === placement.shares.length && placement.backend === 'cuda' ? uuids : null
  return { backend: placement.backend, layers: placement.layers, devices }
}

/**
 * The placement with what the engine says that it took. A device of the process is the GPU of the same place; what the
 * driver takes beside that the engine does not know.
 */
export function reportedPlacement(
  placement: GpuPlacement,
  weights: readonly DeviceBuffers[],
  contexts: readonly DeviceBuffers[],
): GpuPlacement {
  if (weights.length + contexts.length === 0) return placement
  const bytesOf = (buffers: readonly DeviceBuffers[], place: number): number =>
    buffers.find(({ device }) => device === place)?.bytes ?? 0
  const shares = byGpu(placement.shares).map((share, place) => ({
    ...share,
    weightsBytes: bytesOf(weights, place),
    contextBytes: bytesOf(contexts, place),
  }))
  return { ...placement, shares, source: 'reported' }
}

function byGpu(shares: readonly GpuShare[]): readonly GpuShare[] {
  return shares.toSorted((a, b) => a.gpu - b.gpu)
}
