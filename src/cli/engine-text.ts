import type { EngineListing } from '../spec/engine-packages.ts'
import { BACKEND_VENDORS, type GpuBackend, type GpuReading } from '../spec/gpu.ts'
import { formatBytes } from '../spec/units.ts'

export interface EngineFinding {
  readonly isUsable: boolean
  readonly note: string
}

/**
 * Which engine runs, where it comes from, and why it is this one.
 * @param used what computes beside the CPU, and why.
 */
export function engineText(
  engines: readonly EngineListing[],
  gpus: readonly GpuReading[],
  used: { readonly backend: GpuBackend | null; readonly why: string },
  system: string,
): EngineFinding {
  const cpu = engines.find(({ backend }) => backend === 'cpu')
  if (!cpu) return { isUsable: false, note: `llama.cpp has no binaries for ${system}; use another engine` }
  const from = `${cpu.packages.join(', ')} ${cpu.version}`
  if (cpu.state === 'missing') {
    const note = `${from} is not installed. Run \`npm install\` again with optional dependencies allowed.`
    return { isUsable: false, note }
  }
  if (used.backend !== null) {
    const own = engines.find(({ backend }) => backend === used.backend)
    return { isUsable: true, note: `${used.backend} (${own?.packages.join(', ') ?? '?'} ${cpu.version}): ${used.why}` }
  }
  const advice = installAdvice(engines, gpus)
  return { isUsable: true, note: `cpu, bundled (${from}): ${used.why}${advice === '' ? '' : `; ${advice}`}` }
}

/** What would let a GPU be used that is here; '' = nothing, or it is installed already. */
function installAdvice(engines: readonly EngineListing[], [gpu]: readonly GpuReading[]): string {
  if (!gpu) return ''
  const own = engines.filter(({ backend }) => backend !== 'cpu' && BACKEND_VENDORS[backend].includes(gpu.vendor))
  if (own.length === 0) return 'there is no engine for it on this system'
  const next = own.every(({ state }) => state === 'available') ? own[0] : undefined
  if (!next) return ''
  return `\`grym engine install ${next.backend}\` (${formatBytes(next.downloadBytes)}) would let it be used`
}
