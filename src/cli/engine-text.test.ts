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

const NOTHING = { backend: null, why: 'nothing is installed for it' }

test.each([
  ['without a card', BARE, [], ''],
  ['with one of NVIDIA’s', BARE, NVIDIA, '; `grym engine install cuda` (27.5 MB) would let it be used'],
  ['with one of AMD’s', BARE, card('amd', 'RX 7900'), '; `grym engine install vulkan` (27.5 MB) would let it be used'],
  [
    'with what the card needs',
    [
      ['cpu', 'bundled'],
      ['cuda', 'installed'],
      ['vulkan', 'available'],
    ] as Shown[],
    NVIDIA,
    '',
  ],
  [
    'where there is no package for the card',
    [['cpu', 'bundled']] as Shown[],
    NVIDIA,
    '; there is no engine for it on this system',
  ],
])('%s the CPU runs, it is said why, and what would help', (_, shown, gpus, advice) => {
  expect(engineText(engines(...shown), gpus, NOTHING, 'linux-x64')).toEqual({
    isUsable: true,
    note: `cpu, bundled (@node-llama-cpp/linux-x64 3.21.1): nothing is installed for it${advice}`,
  })
})

test('what a card is used with is told, and why', () => {
  const used = { backend: 'vulkan', why: 'it is installed, and RTX 4090 is here' } as const
  expect(engineText(engines(...BARE), NVIDIA, used, 'linux-x64').note).toBe(
    'vulkan (@node-llama-cpp/linux-x64-vulkan 3.21.1): it is installed, and RTX 4090 is here',
  )
})

test('an engine that did not come is told, with what to do', () => {
  const { isUsable, note } = engineText(engines(['cpu', 'missing']), [], NOTHING, 'linux-x64')
  expect(isUsable).toBe(false)
  expect(note).toMatch(/@node-llama-cpp\/linux-x64 3\.21\.1 is not installed\. Run `npm install` again/)
})

test('a system that llama.cpp has no binaries for is told', () => {
  expect(engineText([], [], NOTHING, 'sunos-x64')).toEqual({
    isUsable: false,
    note: 'llama.cpp has no binaries for sunos-x64; use another engine',
  })
})
