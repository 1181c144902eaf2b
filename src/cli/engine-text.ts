import type { EngineListing, ExtraBackend } from '../spec/engine-packages.ts'
import type { GpuReading, GpuVendor } from '../spec/gpu.ts'
import { formatBytes } from '../spec/units.ts'

/** What computes on the cards of each vendor. Apple's comes with the CPU. */
const BACKENDS: Readonly<Record<GpuVendor, readonly ExtraBackend[]>> = {
  nvidia: ['cuda', 'vulkan'],
  amd: ['vulkan'],
  apple: [],
}

export interface EngineFinding {
  readonly isUsable: boolean
  readonly note: string
}

/** Which engine runs, where it comes from, and why it is this one. */
export function engineText(
  engines: readonly EngineListing[],
  gpus: readonly GpuReading[],
  system: string,
): EngineFinding {
  const cpu = engines.find(({ backend }) => backend === 'cpu')
  if (!cpu) return { isUsable: false, note: `llama.cpp has no binaries for ${system}; use another engine` }
  const from = `${cpu.packages.join(', ')} ${cpu.version}`
  if (cpu.state === 'missing') {
    const note = `${from} is not installed. Run \`npm install\` again with optional dependencies allowed.`
    return { isUsable: false, note }
  }
  return { isUsable: true, note: `cpu, bundled (${from}); ${whyCpu(engines, gpus)}` }
}

function whyCpu(engines: readonly EngineListing[], gpus: readonly GpuReading[]): string {
  const [gpu] = gpus
  const here = engines.filter(({ backend, state }) => backend !== 'cpu' && (state === 'installed' || state === 'npm'))
  const installed = here.map(({ backend }) => backend).join(' and ')
  if (!gpu) return installed === '' ? 'no graphics card was found' : `${installed} is installed, and no card was found`
  const own = BACKENDS[gpu.vendor]
  if (own.length === 0 || here.some(({ backend }) => own.some((name) => name === backend))) {
    return `${gpu.name} and what it needs are here, and this version of grym computes on the CPU only`
  }
  const next = engines.find(({ backend, state }) => state === 'available' && own.some((name) => name === backend))
  if (!next) return `${gpu.name} is here, and there is no engine for it on this system`
  const size = formatBytes(next.downloadBytes)
  return `${gpu.name} is here: \`grym engine install ${next.backend}\` (${size}) would let it be used`
}
