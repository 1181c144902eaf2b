import { describe, expect, test } from 'vitest'
import { machineStatus, modelStatus } from '../../test/support/guide-status.ts'
import type { ModelState } from '../spec/model.ts'
import { bytesOf, guideMetrics, megabytes } from './guide-metrics.ts'

const byId = (modelId: string): readonly string[] => [modelId]

describe('megabytes', () => {
  test.each([
    [0, 0],
    [1, 0.000_001],
    [1_000_000, 1],
    [1_048_576, 1.048_576],
    [8_000_000_000, 8_000],
  ])('%i bytes are %d MB, and back', (bytes, mb) => {
    expect([megabytes(bytes), bytesOf(mb)]).toEqual([mb, bytes])
  })

  test('bytes are whole, whatever part of a megabyte is asked for', () => {
    for (const mb of [0.1, 1 / 3, 1.000_000_4, 2.5]) expect(Number.isInteger(bytesOf(mb))).toBe(true)
  })
})

test('the machine is in MB, its pressure a share, and without a GPU there is no GPU memory', () => {
  const { system } = guideMetrics(machineStatus(), byId)
  expect(system).toStrictEqual({
    totalMemory: 8_000,
    allocatedMemory: 2_000,
    availableMemory: 6_000,
    peakMemory: 2_500,
    availableCores: 2,
    gpus: [],
    memoryPressure: 0.25,
    pressureSources: [{ name: 'ram', ratio: 0.25, note: 'used 2 GB of 8 GB' }],
  })
})

test('GPUs are in MB, and the memory of all of them is one figure', () => {
  const status = machineStatus()
  const gpu = { index: 0, name: 'One', vendor: 'nvidia', isShared: false, source: 'nvidia-smi' } as const
  const gpus = [
    { ...gpu, totalBytes: 8_000_000_000, usedBytes: 1_500_000_000 },
    { ...gpu, index: 1, name: 'Two', totalBytes: 16_000_000_000, usedBytes: 0 },
  ]
  const { system } = guideMetrics({ ...status, memory: { ...status.memory, gpus } }, byId)
  expect(system.gpuMemory).toBe(24_000)
  expect(system.gpus).toStrictEqual([
    { name: 'One', totalMemory: 8_000, usedMemory: 1_500 },
    { name: 'Two', totalMemory: 16_000, usedMemory: 0 },
  ])
})

describe('a model', () => {
  test('is in MB and Dates, and its buffers add up to what it uses', () => {
    const metrics = guideMetrics(machineStatus([modelStatus()]), byId).models.get('tiny')
    expect(metrics).toStrictEqual({
      memoryUsage: 300,
      memorySource: 'measured',
      loadTime: 1_234,
      contextSize: 17,
      lastUsed: new Date(5_000),
      activeRequests: 1,
      platform: 'local',
      status: 'ready',
      buffers: { context: 50, model: 200.5, working: 49.5 },
      contextState: { modelId: 'tiny', tokens: 17, contextWindow: 2_048 },
    })
    const { context, model, working } = metrics?.buffers ?? { context: 0, model: 0, working: 0 }
    expect(context + model + working).toBe(metrics?.memoryUsage)
  })

  test('that was never loaded nor used has a load of 0 ms and the first of all moments', () => {
    const status = machineStatus([modelStatus({ state: 'loading', loadMs: null, lastUsedAtMs: null })])
    expect(guideMetrics(status, byId).models.get('tiny')).toMatchObject({
      loadTime: 0,
      lastUsed: new Date(0),
      status: 'loading',
    })
  })

  test.each<[ModelState, boolean]>([
    ['unloaded', false],
    ['loading', true],
    ['ready', true],
    ['unloading', true],
    ['error', true],
  ])('that is %s is listed: %s', (state, isListed) => {
    const { models } = guideMetrics(machineStatus([modelStatus({ state })]), byId)
    expect([...models.values()].map(({ status }) => status)).toEqual(isListed ? [state] : [])
  })

  test('stands under every name that the caller has for it, and says which', () => {
    const namesOf = (modelId: string): readonly string[] => (modelId === 'tiny' ? ['best', 'tiny'] : [modelId])
    const status = machineStatus([modelStatus(), modelStatus({ id: 'other' })])
    const { models } = guideMetrics(status, namesOf)
    expect([...models].map(([name, { contextState }]) => [name, contextState.modelId])).toEqual([
      ['best', 'best'],
      ['tiny', 'tiny'],
      ['other', 'other'],
    ])
  })
})
