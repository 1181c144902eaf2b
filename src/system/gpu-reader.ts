import type { GpuReading, GpuSource } from '../spec/gpu.ts'

/** A GPU before it gets its place among all of them. */
export type FoundGpu = Omit<GpuReading, 'index'>

export type GpuScan =
  | { readonly state: 'read'; readonly gpus: readonly FoundGpu[] }
  /** This system has no such GPU, or not what reads it: it need not be asked again. */
  | { readonly state: 'absent' }
  /** There may be a GPU, and its memory could not be read now. */
  | { readonly state: 'failed'; readonly why: string }

/** One way to read one vendor's GPUs. Never rejects. */
export interface GpuReader {
  readonly source: GpuSource
  scan(): Promise<GpuScan>
}

/** What a scan means that found these; a reader that finds no GPU has nothing to read. */
export function scanOf(gpus: readonly FoundGpu[]): GpuScan {
  return gpus.length > 0 ? { state: 'read', gpus } : { state: 'absent' }
}
