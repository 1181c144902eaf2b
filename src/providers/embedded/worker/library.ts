import { getLlama, type Llama, LlamaLogLevel } from 'node-llama-cpp'
import { resourceError } from '../../../spec/errors.ts'
import type { GpuLoad } from './protocol.ts'

/** Variables by which a backend is told which devices it may see. Vulkan's counts devices in an order of its own. */
const DEVICES_VARIABLE = 'CUDA_VISIBLE_DEVICES'

/** On Apple silicon there is one build, and it can leave the GPU alone. */
const CPU_BUILD = process.platform === 'darwin' && process.arch === 'arm64' ? 'metal' : false

const FAULTS: ReadonlySet<LlamaLogLevel> = new Set([LlamaLogLevel.fatal, LlamaLogLevel.error, LlamaLogLevel.warn])

/** What becomes of what llama.cpp prints. */
export interface Printed {
  fault(text: string): void
  /** What it does: only told where GPUs are used, of whose memory nothing else speaks. */
  note(text: string): void
}

/**
 * Opens llama.cpp, for GPUs or for the CPU alone: where GPUs are there but not to be used, a build with them would still
 * keep buffers on one (measured: 54 MB for SmolLM2 with no layer on it).
 *
 * Throws `gpu-unusable` where the build for this backend cannot be opened or finds no device.
 */
export async function openLibrary(gpu: GpuLoad | null, printed: Printed): Promise<Llama> {
  // Said before the backend looks for devices, which it does once in a process.
  if (gpu?.devices) process.env[DEVICES_VARIABLE] = gpu.devices.join(',')
  const options = { build: 'never', skipDownload: true, maxThreads: 1 } as const
  if (!gpu) {
    return getLlama({
      ...options,
      gpu: CPU_BUILD,
      logLevel: LlamaLogLevel.error,
      logger: (_, text) => printed.fault(text),
    })
  }
  const { backend } = gpu
  const logger = (level: LlamaLogLevel, text: string): void =>
    FAULTS.has(level) ? printed.fault(text) : printed.note(text)
  const open = getLlama({ ...options, gpu: backend, logLevel: LlamaLogLevel.info, logger })
  const llama = await open.catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error)
    throw resourceError('gpu-unusable', `llama.cpp for ${backend} could not be opened: ${why}`, { cause: error })
  })
  if ((await llama.getGpuDeviceNames()).length > 0) return llama
  throw resourceError('gpu-unusable', `llama.cpp for ${backend} found no GPU that it can use.`)
}
