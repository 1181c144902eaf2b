import type { GpuReading } from '../spec/gpu.ts'
import { formatBytes } from '../spec/units.ts'

/** One GPU in a line, and what it was read with. */
export function gpuText({ index, name, totalBytes, usedBytes, isShared, source }: GpuReading): string {
  const of = `${formatBytes(usedBytes)} of ${formatBytes(totalBytes)}${isShared ? " of the machine's memory" : ''} in use`
  return `gpu${index} ${name}: ${of} (read by ${source})`
}
