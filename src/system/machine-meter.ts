import type { GpuMeter, GpuReading } from '../spec/gpu.ts'
import type { MemoryMeter, MemoryReading, PressureSource } from '../spec/memory.ts'
import { formatBytes } from '../spec/units.ts'

/** The whole machine: its RAM by one meter, its GPUs by another. The GPUs' memory is pressure like the RAM's. */
export class MachineMeter implements MemoryMeter {
  readonly #ram: MemoryMeter
  readonly #gpus: GpuMeter

  constructor(ram: MemoryMeter, gpus: GpuMeter) {
    this.#ram = ram
    this.#gpus = gpus
  }

  async read(heldFileBytes: number, options: { readonly isFresh?: boolean } = {}): Promise<MemoryReading> {
    const [ram, gpus] = await Promise.all([this.#ram.read(heldFileBytes, options), this.#gpus.read(options)])
    const pressureSources = [...ram.pressureSources, ...gpus.map(gpuPressure)]
    const pressureRatio = Math.max(ram.pressureRatio, ...pressureSources.map(({ ratio }) => ratio))
    return { ...ram, gpus, pressureSources, pressureRatio }
  }
}

function gpuPressure({ index, name, totalBytes, usedBytes, source }: GpuReading): PressureSource {
  const note = `${name} (${source}): ${formatBytes(usedBytes)} of ${formatBytes(totalBytes)} in use`
  return { name: `gpu${index}`, ratio: totalBytes > 0 ? Math.min(1, usedBytes / totalBytes) : 0, note }
}
