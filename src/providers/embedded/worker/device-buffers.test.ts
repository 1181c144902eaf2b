import { expect, test } from 'vitest'
import { DeviceBufferSum } from './device-buffers.ts'

/** As llama.cpp v0.4.0 tells it on a machine with Vulkan (SmolLM2, 10 of 31 layers, a window of 512 tokens). */
const LOAD = [
  'load_tensors:   CPU_Mapped model buffer size =    92.10 MiB',
  'load_tensors:      Vulkan0 model buffer size =    47.71 MiB',
]
const CONTEXT = [
  'llama_context: Vulkan_Host  output buffer size =     0.19 MiB',
  'llama_kv_cache:        CPU KV buffer size =     7.88 MiB',
  'llama_kv_cache:    Vulkan0 KV buffer size =     3.38 MiB',
  'sched_reserve:    Vulkan0 compute buffer size =    24.28 MiB',
  'sched_reserve: Vulkan_Host compute buffer size =     0.69 MiB',
]

test('what lies on GPUs is added up by device, what lies in RAM is not', () => {
  const sum = new DeviceBufferSum()
  for (const line of LOAD) sum.note(line)
  expect(sum.take()).toEqual([{ device: 0, bytes: Math.round(47.71 * 1_048_576) }])
  for (const line of CONTEXT) sum.note(line)
  sum.note('load_tensors: offloaded 10/31 layers to GPU')
  expect(sum.take()).toEqual([{ device: 0, bytes: Math.round(3.38 * 1_048_576) + Math.round(24.28 * 1_048_576) }])
  expect(sum.take()).toEqual([])
})

test('several devices, and names of buffers that are mapped or private', () => {
  const sum = new DeviceBufferSum()
  sum.note(
    'load_tensors:        CUDA1 model buffer size =     1.00 MiB\nload_tensors:        CUDA0 model buffer size =     2.00 MiB',
  )
  sum.note('load_tensors:  MTL0_Mapped model buffer size =     4.00 MiB')
  expect(sum.take()).toEqual([
    { device: 0, bytes: 6 * 1_048_576 },
    { device: 1, bytes: 1_048_576 },
  ])
})
