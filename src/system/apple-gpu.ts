import { totalmem } from 'node:os'
import { type FoundGpu, type GpuReader, type GpuScan, scanOf } from './gpu-reader.ts'
import { runTool } from './run-tool.ts'

const BYTES_PER_MIB = 1_048_576
/** Up to this much RAM, Metal may have two thirds of it; above, three quarters. */
const SMALL_RAM_BYTES = 36 * 1_073_741_824

/**
 * The GPU of Apple silicon, whose memory is the RAM: what it has now from `ioreg` (the driver's statistics), what it may
 * have from `sysctl iogpu.wired_limit_mb`. `system_profiler SPDisplaysDataType` names the same GPU, takes many times
 * longer and tells no use. Parsed on recorded output; not run on such a machine yet.
 */
export class AppleGpu implements GpuReader {
  readonly source = 'ioreg'

  async scan(): Promise<GpuScan> {
    const [accelerator, limit] = await Promise.all([
      runTool('/usr/sbin/ioreg', ['-r', '-d', '1', '-w', '0', '-c', 'IOAccelerator']),
      runTool('/usr/sbin/sysctl', ['-n', 'iogpu.wired_limit_mb']),
    ])
    if (accelerator.state !== 'done') return accelerator
    const limitBytes = metalLimitBytes(totalmem(), limit.state === 'done' ? limit.text : '')
    return scanOf(parseAccelerators(accelerator.text, limitBytes))
  }
}

/** Reads `ioreg -r -d 1 -w 0 -c IOAccelerator`; GPUs of Intel's Macs, which no engine of ours uses, are left out. */
export function parseAccelerators(text: string, limitBytes: number): readonly FoundGpu[] {
  return text.split(/^\+-o /m).flatMap((node) => {
    const name = /"model" = "(Apple [^"]+)"/.exec(node)?.[1]
    const used = /"In use system memory"=(\d+)/.exec(node)?.[1]
    if (name === undefined || used === undefined) return []
    const usedBytes = Math.min(limitBytes, Number(used))
    return [{ name, vendor: 'apple', totalBytes: limitBytes, usedBytes, isShared: true, source: 'ioreg' } as const]
  })
}

/**
 * What Metal may have (`MTLDevice.recommendedMaxWorkingSetSize`), which no program prints. A limit that was set holds;
 * 0 or nothing is the system's own rule, estimated as two thirds or three quarters of the RAM. llama.cpp printed
 * 10,922.67 MiB of 16 GiB, 21,845.34 of 32 and 73,728 of 96; newer systems give more (11.84 GiB of 16, 107.52 of 128).
 */
export function metalLimitBytes(ramBytes: number, sysctlText: string): number {
  const setMib = /^\d+$/.test(sysctlText.trim()) ? Number(sysctlText.trim()) : 0
  if (setMib > 0) return Math.min(ramBytes, setMib * BYTES_PER_MIB)
  return Math.floor(ramBytes <= SMALL_RAM_BYTES ? (ramBytes * 2) / 3 : (ramBytes * 3) / 4)
}
