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

/** Whose GPUs each of them computes on. */
export const BACKEND_VENDORS: Readonly<Record<GpuBackend, readonly GpuVendor[]>> = {
  cuda: ['nvidia'],
  metal: ['apple'],
  vulkan: ['amd', 'nvidia'],
}

/** What a person wants of it: the best that is installed and finds its GPUs, none, or this one. */
export const GPU_CHOICES = ['auto', 'off', 'cuda', 'vulkan', 'metal'] as const
export type GpuChoice = (typeof GPU_CHOICES)[number]

/** More layers than any model has: all of them. */
export const MOST_GPU_LAYERS = 1_000
