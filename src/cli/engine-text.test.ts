import { expect, test } from 'vitest'
import type { EngineListing } from '../spec/engine-packages.ts'
import type { GpuReading, GpuVendor } from '../spec/gpu.ts'
import { engineText } from './engine-text.ts'

type Shown = readonly [EngineListing['backend'], EngineListing['state']]

function engines(...shown: Shown[]): EngineListing[] {
  return shown.map(([backend, state]) => ({
    backend,
    state,
    packages: [`@node-llama-cpp/linux-x64${backend === 'cpu' ? '' : `-${backend}`}`],
    version: '3.21.1',
    sizeBytes: 30_000_000,
    downloadBytes: state === 'available' ? 27_476_121 : 0,
    leftoverBytes: 0,
  }))
}

function card(vendor: GpuVendor, name: string): GpuReading[] {
  return [{ index: 0, name, vendor, totalBytes: 8e9, usedBytes: 0, isShared: false, source: 'amdgpu' }]
}

const NVIDIA = card('nvidia', 'RTX 4090')
const BARE: Shown[] = [
  ['cpu', 'bundled'],
  ['cuda', 'available'],
  ['vulkan', 'available'],
]

test.each([
  ['without a card', BARE, [], 'no graphics card was found'],
  ['with one of NVIDIA’s', BARE, NVIDIA, 'RTX 4090 is here: `grym engine install cuda` (27.5 MB) would let it be used'],
  ['with one of AMD’s', BARE, card('amd', 'RX 7900'), 'RX 7900 is here: `grym engine install vulkan`'],
  [
    'with what the card needs',
    [
      ['cpu', 'bundled'],
      ['cuda', 'installed'],
      ['vulkan', 'available'],
    ] as Shown[],
    NVIDIA,
    'RTX 4090 and what it needs are here, and this version of grym computes on the CPU only',
  ],
  [
    'with Vulkan for a card of NVIDIA’s',
    [
      ['cpu', 'bundled'],
      ['cuda', 'available'],
      ['vulkan', 'npm'],
    ] as Shown[],
    NVIDIA,
    'RTX 4090 and what it needs are here',
  ],
  [
    'with a package and no card',
    [
      ['cpu', 'bundled'],
      ['cuda', 'available'],
      ['vulkan', 'installed'],
    ] as Shown[],
    [],
    'vulkan is installed, and no card was found',
  ],
  ['where there is no package for the card', [['cpu', 'bundled']] as Shown[], NVIDIA, 'there is no engine for it'],
])('%s the CPU runs, and it is said why', (_, shown, gpus, why) => {
  const { isUsable, note } = engineText(engines(...shown), gpus, 'linux-x64')
  expect(isUsable).toBe(true)
  expect(note).toContain('cpu, bundled (@node-llama-cpp/linux-x64 3.21.1); ')
  expect(note).toContain(why)
})

test('an engine that did not come is told, with what to do', () => {
  const { isUsable, note } = engineText(engines(['cpu', 'missing']), [], 'linux-x64')
  expect(isUsable).toBe(false)
  expect(note).toMatch(/@node-llama-cpp\/linux-x64 3\.21\.1 is not installed\. Run `npm install` again/)
})

test('a system that llama.cpp has no binaries for is told', () => {
  expect(engineText([], [], 'sunos-x64')).toEqual({
    isUsable: false,
    note: 'llama.cpp has no binaries for sunos-x64; use another engine',
  })
})
