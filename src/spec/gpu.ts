import type { ByteSource } from './memory.ts'

export type GpuVendor = 'nvidia' | 'amd' | 'apple'

/** What a GPU was read with. */
export type GpuSource = 'nvidia-smi' | 'amdgpu' | 'amd-smi' | 'rocm-smi' | 'ioreg'

/** Memory of one GPU. */
export interface GpuReading {
  /** Place among the GPUs of this machine, from 0: the `N` of the pressure source `gpuN`. */
  readonly index: number
  readonly name: string
  readonly vendor: GpuVendor
  readonly totalBytes: number
  /** What is not free: taken by any program, or kept back by the driver. */
  readonly usedBytes: number
  /** True when its memory is the machine's RAM: what is taken here is missing there as well. */
  readonly isShared: boolean
  readonly source: GpuSource
  /** NVIDIA's name of the device (`GPU-…`), the same in every order of enumeration. */
  readonly uuid?: string
}

/** Reads the GPUs of this machine. Real: `system/gpu-meter.ts`. */
export interface GpuMeter {
  /**
   * Never rejects; a machine without a GPU that can be read has none. `isFresh` waits for a reading of now; else the
   * last one may be told while the next is under way, because some readers are programs that take a while.
   */
  read(options?: { readonly isFresh?: boolean }): Promise<readonly GpuReading[]>
}

/** A way of the embedded engine to compute on GPUs. */
export type GpuBackend = 'cuda' | 'vulkan' | 'metal'

/** What a person wants of it: the best that is installed and finds its GPUs, none, or this one. */
export const GPU_CHOICES = ['auto', 'off', 'cuda', 'vulkan', 'metal'] as const
export type GpuChoice = (typeof GPU_CHOICES)[number]

/** More layers than any model has: all of them. */
export const MOST_GPU_LAYERS = 1_000

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
  /** {@link GpuReading.index}. */
  readonly gpu: number
  /** {@link GpuReading.uuid}. */
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
