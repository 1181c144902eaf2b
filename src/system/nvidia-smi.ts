import type { FoundGpu, GpuReader, GpuScan } from './gpu-reader.ts'
import { runTool } from './run-tool.ts'

const BYTES_PER_MIB = 1_048_576

/** Columns of `nvidia-smi --query-gpu`, in the order in which they are asked for. */
const GPU_COLUMNS = ['index', 'uuid', 'name', 'memory.total', 'memory.used', 'memory.free'] as const
const PROCESS_COLUMNS = ['pid', 'gpu_uuid', 'used_memory'] as const
const FORMAT = '--format=csv,noheader,nounits'

/**
 * NVIDIA's GPUs by the program that comes with their driver. It takes some 30 to 100 ms, and NVML's library would take
 * a native module.
 */
export class NvidiaSmi implements GpuReader {
  readonly source = 'nvidia-smi'

  async scan(): Promise<GpuScan> {
    const run = await runTool('nvidia-smi', [`--query-gpu=${GPU_COLUMNS.join(',')}`, FORMAT])
    if (run.state !== 'done') return run
    const { gpus, untold } = parseNvidiaGpus(run.text)
    if (gpus.length > 0) return { state: 'read', gpus }
    const why = untold.length > 0 ? `it does not tell the memory of ${untold.join(', ')}` : 'it names no GPU'
    return { state: 'failed', why }
  }
}

export interface NvidiaGpus {
  readonly gpus: readonly FoundGpu[]
  /**
   * Names of GPUs whose memory is not told: those that share the RAM (GB10, Jetson: `[N/A]`) and parts of a GPU that
   * was divided (MIG, from inside a container: `[Insufficient Permissions]`).
   */
  readonly untold: readonly string[]
}

/**
 * Reads the CSV of `nvidia-smi --query-gpu`, sizes in MiB. "Used" is what is not free: the driver keeps some back
 * (recorded: 81,920 total, 2 used, 81,226 free), and nobody can have that.
 */
export function parseNvidiaGpus(text: string, columns: readonly string[] = GPU_COLUMNS): NvidiaGpus {
  const gpus: FoundGpu[] = []
  const untold: string[] = []
  for (const row of parseCsv(text, columns)) {
    const name = row.get('name') ?? 'NVIDIA GPU'
    const uuid = row.get('uuid')
    const totalBytes = mebibytes(row.get('memory.total'))
    const freeBytes = mebibytes(row.get('memory.free'))
    const usedBytes =
      totalBytes !== undefined && freeBytes !== undefined ? totalBytes - freeBytes : mebibytes(row.get('memory.used'))
    if (!totalBytes || usedBytes === undefined) {
      untold.push(name)
      continue
    }
    const base = { name, vendor: 'nvidia', totalBytes, isShared: false, source: 'nvidia-smi' } as const
    gpus.push({
      ...base,
      usedBytes: Math.min(totalBytes, Math.max(0, usedBytes)),
      ...(uuid?.startsWith('GPU-') && { uuid }),
    })
  }
  return { gpus, untold }
}

/** Reads the CSV of `nvidia-smi --query-compute-apps`; processes whose memory is not told are left out. */
export function parseNvidiaProcesses(
  text: string,
  columns: readonly string[] = PROCESS_COLUMNS,
): readonly { readonly pid: number; readonly uuid: string; readonly usedBytes: number }[] {
  return parseCsv(text, columns).flatMap((row) => {
    const pid = Number(row.get('pid'))
    const uuid = row.get('gpu_uuid')
    const usedBytes = mebibytes(row.get('used_memory'))
    return Number.isInteger(pid) && uuid !== undefined && usedBytes !== undefined ? [{ pid, uuid, usedBytes }] : []
  })
}

/** Rows by column; lines of another length are messages, and a line of the columns' names is the head. */
function parseCsv(text: string, columns: readonly string[]): readonly ReadonlyMap<string, string>[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.split(',').map((field) => field.trim())
    if (fields.length !== columns.length || fields[0]?.startsWith(columns[0] ?? '')) return []
    return [new Map(columns.map((column, place) => [column, fields[place] ?? '']))]
  })
}

/** `81920` or `81920 MiB`; `undefined` for `[N/A]` and other words. */
function mebibytes(field: string | undefined): number | undefined {
  const match = /^(\d+)(?: MiB)?$/.exec(field ?? '')
  return match ? Number(match[1]) * BYTES_PER_MIB : undefined
}
