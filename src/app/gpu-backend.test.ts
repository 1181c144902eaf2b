import { expect, test } from 'vitest'
import type { EngineBackend } from '../spec/engine-packages.ts'
import type { GpuReading, GpuVendor } from '../spec/gpu.ts'
import { chooseBackend } from './gpu-backend.ts'

function card(vendor: GpuVendor, name: string): GpuReading {
  return { index: 0, name, vendor, totalBytes: 8e9, usedBytes: 0, isShared: false, source: 'nvidia-smi' }
}
const RTX = card('nvidia', 'RTX 4090')
const RADEON = card('amd', 'RX 7900')
const ALL: readonly EngineBackend[] = ['cpu', 'cuda', 'vulkan']

test.each([
  ['auto', ALL, [RTX], 'cuda', 'it is installed, and RTX 4090 is here'],
  ['auto', ['cpu', 'vulkan'], [RTX], 'vulkan', 'it is installed, and RTX 4090 is here'],
  ['auto', ALL, [RADEON], 'vulkan', 'it is installed, and RX 7900 is here'],
  ['auto', ['cpu', 'metal'], [card('apple', 'M3')], 'metal', 'it is installed, and M3 is here'],
  ['auto', ['cpu', 'cuda'], [RADEON], null, 'nothing is installed for RX 7900'],
  ['auto', ALL, [], null, 'no GPU was found'],
  ['off', ALL, [RTX], null, 'models.gpu is off'],
  ['vulkan', ALL, [RTX], 'vulkan', 'models.gpu is vulkan, for RTX 4090'],
  ['cuda', ['cpu'], [RTX], null, 'models.gpu is cuda, which is not installed'],
  ['cuda', ALL, [RADEON], null, 'models.gpu is cuda, and no GPU was found that it can use'],
] as const)('%s of %j with %j', (choice, installed, gpus, backend, why) => {
  expect(chooseBackend(choice, installed, gpus)).toEqual({ backend, why })
})
