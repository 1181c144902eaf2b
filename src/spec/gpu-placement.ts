import type { GpuBackend } from './gpu.ts'
import type { ByteSource } from './memory.ts'

/** One layer of a model as it goes onto a GPU, bytes. */
export interface GpuLayer {
  readonly weightsBytes: number
  /** Its part of what the contexts keep. */
  readonly contextBytes: number
  /** True where the GPU gets a copy and the weights stay in RAM as well. */
  readonly isCopy: boolean
}

/** What a model takes of GPUs, before it is placed. */
export interface GpuNeed {
  /** In the order in which they go onto GPUs: the output layer, then the last block, and so on to the first. */
  readonly layers: readonly GpuLayer[]
  /** No more of them are put there, by a person's word; `Infinity` = as many as fit. */
  readonly mostLayers: number
  /** Buffers of the evaluation on each GPU that is used, all contexts together. */
  readonly scratchBytes: number
}

/** What a model takes on one GPU. */
export interface GpuShare {
  /** `GpuReading.index`. */
  readonly gpu: number
  /** `GpuReading.uuid`. */
  readonly uuid?: string
  /** What the driver and the backend take for themselves, whatever lies there: always an estimate. */
  readonly deviceBytes: number
  /** These two stay while another model uses the same weights. */
  readonly weightsBytes: number
  /** KV cache and buffers of its own contexts. */
  readonly contextBytes: number
}

/** Where a model's layers lie: so many on GPUs, the others in RAM. */
export interface GpuPlacement {
  readonly backend: GpuBackend
  readonly layers: number
  readonly shares: readonly GpuShare[]
  /** Weights and contexts that are not needed in RAM; nothing where the GPU's memory is the RAM. */
  readonly sparedWeightsBytes: number
  readonly sparedContextBytes: number
  /** Of the shares' weights and contexts; `reported` = by the engine. */
  readonly source: ByteSource
}
