import type { EngineBackend } from '../spec/engine-packages.ts'
import { BACKEND_VENDORS, type GpuBackend, type GpuChoice, type GpuReading } from '../spec/gpu.ts'

/** What the embedded engine computes with beside the CPU; `null` = nothing. */
export interface BackendChoice {
  readonly backend: GpuBackend | null
  /** For a person. */
  readonly why: string
}

/** The best first: made for the card, made by the card's maker for its own system, made for all cards. */
const BY_RANK: readonly GpuBackend[] = ['cuda', 'metal', 'vulkan']

/**
 * What is to be used of what is installed, by a person's word and the GPUs whose memory can be read: layers are not put
 * where nobody knows whether there is room.
 */
export function chooseBackend(
  choice: GpuChoice,
  installed: readonly EngineBackend[],
  gpus: readonly GpuReading[],
): BackendChoice {
  if (choice === 'off') return { backend: null, why: 'models.gpu is off' }
  const gpuFor = (backend: GpuBackend): GpuReading | undefined =>
    gpus.find(({ vendor }) => BACKEND_VENDORS[backend].includes(vendor))
  if (choice !== 'auto') {
    if (!installed.includes(choice)) return { backend: null, why: `models.gpu is ${choice}, which is not installed` }
    const gpu = gpuFor(choice)
    if (!gpu) return { backend: null, why: `models.gpu is ${choice}, and no GPU was found that it can use` }
    return { backend: choice, why: `models.gpu is ${choice}, for ${gpu.name}` }
  }
  for (const backend of BY_RANK) {
    const gpu = installed.includes(backend) ? gpuFor(backend) : undefined
    if (gpu) return { backend, why: `it is installed, and ${gpu.name} is here` }
  }
  return { backend: null, why: gpus.length === 0 ? 'no GPU was found' : `nothing is installed for ${gpus[0]?.name}` }
}
