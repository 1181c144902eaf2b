import type { GpuReading } from './gpu.ts'

/** Where a byte count comes from. A figure that is an estimate says so. */
export type ByteSource = 'measured' | 'reported' | 'learned' | 'estimated' | 'configured'

/** One contribution to {@link MemoryReading.pressureRatio}, 0–1. */
export interface PressureSource {
  readonly name: 'ram' | 'stall' | `gpu${number}`
  readonly ratio: number
  /** What was read, for a person: `cgroup v1 limit 600.0 MB, used 412.3 MB`. */
  readonly note: string
}

/**
 * The machine's memory as grym judges it (SPEC §1): total is the smallest limit on the path, used counts what the
 * kernel cannot simply drop, plus the mapped weights of loaded models.
 */
export interface MemoryReading {
  readonly atMs: number
  readonly totalBytes: number
  readonly usedBytes: number
  /** `max(0, totalBytes − usedBytes)`. */
  readonly availableBytes: number
  /** The worst of {@link pressureSources}, 0–1. */
  readonly pressureRatio: number
  readonly pressureSources: readonly PressureSource[]
  /** Empty where no GPU can be read. */
  readonly gpus: readonly GpuReading[]
}

/** Memory of one process. PSS needs `smaps_rollup` (about 13 ms per 2 GiB mapped): only around loads and stages. */
export interface ProcessMemory {
  readonly rssBytes: number
  /** Proportional set size; absent where the system has none. */
  readonly pssBytes?: number
}

/** Reads the machine. Real: `system/machine-meter.ts`. */
export interface MemoryMeter {
  /**
   * @param heldFileBytes bytes of weights that loaded models keep mapped: counted as used on a host without a memory
   *   limit, where the kernel calls mapped file pages "available".
   * @param options `isFresh`: also what is read at a slower rhythm (GPUs) is to be of now. Default false.
   */
  read(heldFileBytes: number, options?: { readonly isFresh?: boolean }): Promise<MemoryReading>
}
