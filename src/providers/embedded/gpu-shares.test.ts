import { expect, test } from 'vitest'
import type { GpuPlacement } from '../../spec/gpu-placement.ts'
import { gpuLoad, reportedPlacement } from './gpu-shares.ts'

const PLACEMENT: GpuPlacement = {
  backend: 'cuda',
  layers: 12,
  shares: [
    { gpu: 2, uuid: 'GPU-c', deviceBytes: 7, weightsBytes: 1, contextBytes: 1 },
    { gpu: 0, uuid: 'GPU-a', deviceBytes: 7, weightsBytes: 1, contextBytes: 1 },
  ],
  sparedWeightsBytes: 5,
  sparedContextBytes: 6,
  source: 'estimated',
}

test('devices are named in the order of the GPUs, where the backend knows names', () => {
  expect(gpuLoad(PLACEMENT)).toEqual({ backend: 'cuda', layers: 12, devices: ['GPU-a', 'GPU-c'] })
  expect(gpuLoad({ ...PLACEMENT, backend: 'vulkan' })?.devices).toBeNull()
  const [{ uuid: _, ...unnamed }] = PLACEMENT.shares as [GpuPlacement['shares'][number]]
  expect(gpuLoad({ ...PLACEMENT, shares: [unnamed] })?.devices).toBeNull()
  expect(gpuLoad(undefined)).toBeNull()
})

test('what the engine says takes the place of the estimate', () => {
  const reported = reportedPlacement(
    PLACEMENT,
    [{ device: 1, bytes: 100 }],
    [
      { device: 0, bytes: 30 },
      { device: 1, bytes: 40 },
    ],
  )
  expect(reported).toEqual({
    ...PLACEMENT,
    shares: [
      { gpu: 0, uuid: 'GPU-a', deviceBytes: 7, weightsBytes: 0, contextBytes: 30 },
      { gpu: 2, uuid: 'GPU-c', deviceBytes: 7, weightsBytes: 100, contextBytes: 40 },
    ],
    source: 'reported',
  })
})

test('an engine that says nothing leaves the estimate, which says so', () => {
  expect(reportedPlacement(PLACEMENT, [], [])).toBe(PLACEMENT)
})
