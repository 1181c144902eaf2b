/** Memory that llama.cpp has taken on one GPU. */
export interface DeviceBuffers {
  /** Place among the devices that this process sees. */
  readonly device: number
  readonly bytes: number
}

/**
 * `load_tensors:      Vulkan0 model buffer size =    92.10 MiB`, and likewise `KV`, `RS` (recurrent states), `compute` and
 * `output` buffers (llama.cpp v0.4.0). Devices are named by their backend and a number; what lies in RAM has no number.
 */
const BUFFER_LINE =
  /\b(?:CUDA|Vulkan|MTL|Metal)(\d+)(?:_\w+)? +(?:model|KV|RS|compute|output) buffer size = +([\d.]+) MiB/g
const BYTES_PER_MIB = 1_048_576

/** Adds up what the engine tells of its buffers on GPUs while one thing is loaded. */
export class DeviceBufferSum {
  #text = ''

  note(text: string): void {
    if (text.includes('buffer size')) this.#text += `${text}\n`
  }

  /** What was told since the last time. */
  take(): readonly DeviceBuffers[] {
    const bytes = new Map<number, number>()
    for (const [, device = '', mebibytes = ''] of this.#text.matchAll(BUFFER_LINE)) {
      const sum = bytes.get(Number(device)) ?? 0
      bytes.set(Number(device), sum + Math.round(Number(mebibytes) * BYTES_PER_MIB))
    }
    this.#text = ''
    return [...bytes].map(([device, sum]) => ({ device, bytes: sum })).toSorted((a, b) => a.device - b.device)
  }
}
