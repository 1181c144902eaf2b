import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type FoundGpu, type GpuReader, type GpuScan, scanOf } from './gpu-reader.ts'
import { isAbsence, readKernelFile } from './optional-file.ts'

/** Less memory of its own than this is a part of the RAM that the firmware set aside for a built-in GPU. */
const LEAST_OWN_BYTES = 1_073_741_824

/**
 * AMD's GPUs from the files of the kernel's driver (Documentation/gpu/amdgpu/driver-misc.rst: `mem_info_vram_total`,
 * `mem_info_vram_used`, `mem_info_gtt_total`, `mem_info_gtt_used`, bytes): a few small files, no program.
 *
 * A GPU that is built into the processor fills the little it was given first and takes the rest from the RAM (recorded:
 * 507 of 512 MB taken on an idle machine whose GPU may use 120 GiB), so its memory is both together.
 *
 * Intel's drivers have no such file: i915 and xe tell how much there is, not how much is taken.
 */
export class AmdgpuSysfs implements GpuReader {
  readonly source = 'amdgpu'
  readonly #folder: string

  /** @param root where `/sys` is: `/` but in tests. */
  constructor(root = '/') {
    this.#folder = join(root, 'sys/class/drm')
  }

  async scan(): Promise<GpuScan> {
    try {
      return scanOf(this.#cards().flatMap((card) => this.#read(join(this.#folder, card, 'device'))))
    } catch (error) {
      return { state: 'failed', why: error instanceof Error ? error.message : String(error) }
    }
  }

  #cards(): readonly string[] {
    const cards = listFolder(this.#folder).filter((name) => /^card\d+$/.test(name))
    return cards.sort((a, b) => Number(a.slice(4)) - Number(b.slice(4)))
  }

  #read(device: string): FoundGpu[] {
    const read = (file: string): string | undefined => readKernelFile(join(device, file))?.trim()
    const bytes = (file: string): number | undefined => wholeNumber(read(file))
    const ownBytes = bytes('mem_info_vram_total')
    const ownUsedBytes = bytes('mem_info_vram_used')
    if (!ownBytes || ownUsedBytes === undefined) return []
    const isShared = isBuiltIn(readKernelFile(join(device, 'gpu_metrics'), 'latin1')) ?? ownBytes < LEAST_OWN_BYTES
    const ramBytes = isShared ? (bytes('mem_info_gtt_total') ?? 0) : 0
    const ramUsedBytes = isShared ? (bytes('mem_info_gtt_used') ?? 0) : 0
    const name = read('product_name') || `AMD GPU ${read('device') ?? ''}`.trim()
    const totalBytes = ownBytes + ramBytes
    const usedBytes = Math.min(totalBytes, ownUsedBytes + ramUsedBytes)
    return [{ name, vendor: 'amd', totalBytes, usedBytes, isShared, source: 'amdgpu' }]
  }
}

/**
 * From the head of `gpu_metrics`: tables of format 1 are of cards, 2 and 3 of GPUs in a processor (kernel:
 * drivers/gpu/drm/amd/include/kgd_pp_interface.h, `struct metrics_table_header`). Written from that header, unverified
 * on a machine. `undefined` = not told.
 */
function isBuiltIn(metrics: string | undefined): boolean | undefined {
  const format = metrics?.charCodeAt(2)
  return format === 1 ? false : format === 2 || format === 3 ? true : undefined
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

function listFolder(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (isAbsence(error)) return []
    throw error
  }
}
