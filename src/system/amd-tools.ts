import { type FoundGpu, type GpuReader, type GpuScan, scanOf } from './gpu-reader.ts'
import { runTool } from './run-tool.ts'

const BYTES_PER_MIB = 1_048_576

/** AMD's own programs, newest first, for systems that hide the kernel's files; both are Python and take up to a second. */
export class AmdSmi implements GpuReader {
  readonly source = 'amd-smi'

  async scan(): Promise<GpuScan> {
    const run = await runTool('amd-smi', ['metric', '--mem-usage', '--json'])
    return run.state === 'done' ? scanOf(parseAmdSmi(run.text)) : run
  }
}

export class RocmSmi implements GpuReader {
  readonly source = 'rocm-smi'

  async scan(): Promise<GpuScan> {
    const run = await runTool('rocm-smi', ['--showmeminfo', 'vram', '--showproductname', '--json'])
    return run.state === 'done' ? scanOf(parseRocmSmi(run.text)) : run
  }
}

/** Reads `amd-smi metric --json`: a list of GPUs, or one under `gpu_data`; its "MB" are MiB (8,176 for a card of 8 GiB). */
export function parseAmdSmi(text: string): readonly FoundGpu[] {
  const json = jsonAfterWarnings(text)
  const list: unknown = Array.isArray(json) ? json : member(json, 'gpu_data')
  if (!Array.isArray(list)) return []
  return list.flatMap((entry: unknown) => {
    const usage = member(entry, 'mem_usage')
    const read = (key: string): number | undefined => amountOf(member(member(usage, key), 'value'))
    return found('AMD GPU', 'amd-smi', read('total_vram'), read('used_vram'), BYTES_PER_MIB)
  })
}

/** Reads `rocm-smi --showmeminfo vram --json`: a group a card, bytes as text. */
export function parseRocmSmi(text: string): readonly FoundGpu[] {
  const json = jsonAfterWarnings(text)
  if (typeof json !== 'object' || json === null) return []
  return Object.entries(json).flatMap(([key, card]: [string, unknown]) => {
    if (!/^card\d+$/.test(key)) return []
    const read = (name: string): number | undefined => amountOf(member(card, name))
    const series = member(card, 'Card Series') ?? member(card, 'Card series')
    const name = typeof series === 'string' && series !== 'N/A' ? series : 'AMD GPU'
    return found(name, 'rocm-smi', read('VRAM Total Memory (B)'), read('VRAM Total Used Memory (B)'), 1)
  })
}

function found(
  name: string,
  source: 'amd-smi' | 'rocm-smi',
  total: number | undefined,
  used: number | undefined,
  unitBytes: number,
): FoundGpu[] {
  if (!total || used === undefined) return []
  const totalBytes = total * unitBytes
  const usedBytes = Math.min(totalBytes, used * unitBytes)
  return [{ name, vendor: 'amd', totalBytes, usedBytes, isShared: false, source }]
}

/** The JSON of a text that may begin with warnings (recorded: "AMD GPU device(s) is/are in a low-power state"). */
function jsonAfterWarnings(text: string): unknown {
  const start = text.search(/^\s*[[{]/m)
  try {
    return start < 0 ? undefined : (JSON.parse(text.slice(start)) as unknown)
  } catch {
    return undefined
  }
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined
}

function amountOf(value: unknown): number | undefined {
  const amount = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  return typeof amount === 'number' && Number.isFinite(amount) && amount >= 0 ? amount : undefined
}
