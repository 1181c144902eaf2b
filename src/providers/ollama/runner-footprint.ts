import type { Footprint, FootprintEstimate } from '../../spec/model.ts'
import type { GpuPlacement } from '../../spec/gpu-placement.ts'
import type { ProcessMeter } from '../../spec/system.ts'
import type { RunnerProcess } from '../../system/ollama-runners.ts'
import type { ResidentModel } from './ollama-replies.ts'

/** RAM of a runner's process; RSS where the PSS of another user's process may not be read. `undefined` once it is gone. */
export async function measuredFootprint(meter: ProcessMeter, { pid }: RunnerProcess): Promise<Footprint | undefined> {
  const memory = await meter.read(pid, { withPss: true })
  return memory && { bytes: memory.pssBytes ?? memory.rssBytes, source: 'measured' }
}

/**
 * RAM of a model as Ollama tells it: all but what lies on GPUs. From 0.30 on it falls back to the size of the file where
 * its engine's log gave none; weights alone are never all that a loaded model takes, so a size that is not more than what
 * lies on disk is that guess, and the estimate is no worse.
 */
export function reportedFootprint(
  { sizeBytes, sizeVramBytes }: Pick<ResidentModel, 'sizeBytes' | 'sizeVramBytes'>,
  sizeOnDiskBytes: number | undefined,
  estimate: FootprintEstimate,
): Footprint {
  const isGuess = sizeOnDiskBytes !== undefined && sizeBytes <= sizeOnDiskBytes
  if (!isGuess) return { bytes: Math.max(0, sizeBytes - sizeVramBytes), source: 'reported' }
  const { weightsBytes, contextBytes, processBytes } = estimate
  return { bytes: Math.max(sizeBytes, weightsBytes + contextBytes + processBytes), source: 'estimated' }
}

/**
 * Where the layers came to lie: Ollama tells what all GPUs hold together. On one GPU that is its share; of several, what
 * each of them holds stays an estimate.
 */
export function reportedPlacement(planned: GpuPlacement, sizeVramBytes: number): GpuPlacement {
  const plannedBytes = planned.shares.reduce((sum, share) => sum + share.weightsBytes + share.contextBytes, 0)
  const ratio = plannedBytes > 0 ? sizeVramBytes / plannedBytes : 0
  const shares = planned.shares.map((share) => ({
    ...share,
    weightsBytes: Math.round(share.weightsBytes * ratio),
    contextBytes: Math.round(share.contextBytes * ratio),
  }))
  return { ...planned, shares, source: shares.length === 1 ? 'reported' : 'estimated' }
}
