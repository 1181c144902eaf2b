import type { FoundGpu, GpuReader, GpuScan } from './gpu-reader.ts'

/**
 * Those of a reader's GPUs that CUDA may see: what the variable `CUDA_VISIBLE_DEVICES` hides is neither ours to use nor our
 * pressure. Its entries are UUIDs, or beginnings of them, or numbers, which are taken for `nvidia-smi`'s: CUDA counts the
 * fastest first unless `CUDA_DEVICE_ORDER` is `PCI_BUS_ID`. As in CUDA, what follows an entry that names no device is
 * hidden. https://docs.nvidia.com/cuda/cuda-c-programming-guide/#env-vars
 */
export class VisibleGpus implements GpuReader {
  readonly source: GpuReader['source']
  readonly #reader: GpuReader
  readonly #visible: string | undefined

  /** @param visible the variable; `undefined` = all may be seen. */
  constructor(reader: GpuReader, visible: string | undefined) {
    this.source = reader.source
    this.#reader = reader
    this.#visible = visible
  }

  async scan(): Promise<GpuScan> {
    const scan = await this.#reader.scan()
    if (scan.state !== 'read' || this.#visible === undefined) return scan
    const gpus = visibleOf(scan.gpus, this.#visible)
    return gpus.length > 0 ? { state: 'read', gpus } : { state: 'absent' }
  }
}

function visibleOf(gpus: readonly FoundGpu[], visible: string): readonly FoundGpu[] {
  const found = new Set<FoundGpu>()
  for (const entry of visible.split(',').map((text) => text.trim())) {
    const gpu = /^\d+$/.test(entry)
      ? gpus[Number(entry)]
      : gpus.find(({ uuid }) => entry.startsWith('GPU-') && uuid?.startsWith(entry))
    if (!gpu) break
    found.add(gpu)
  }
  return gpus.filter((gpu) => found.has(gpu))
}
