import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { GpuNeed, GpuPlacement } from '../spec/gpu-placement.ts'
import { BACKENDS, type GpuRoom, placeBeside, placeLayers, shareBytes } from './gpu-placement.ts'

const MB = 1_000_000
const DEVICE_BYTES = BACKENDS.cuda.deviceBytes

/** An output layer of 50 MB that is a copy, and blocks of 100 MB with 10 MB of context each. */
function need(blocks: number, changes: Partial<GpuNeed> = {}): GpuNeed {
  const block = { weightsBytes: 100 * MB, contextBytes: 10 * MB, isCopy: false }
  const output = { weightsBytes: 50 * MB, contextBytes: 0, isCopy: true }
  return {
    layers: [output, ...Array.from({ length: blocks }, () => block)],
    mostLayers: Infinity,
    scratchBytes: 20 * MB,
    ...changes,
  }
}

function room(gpu: number, layersMb: number, isShared = false): GpuRoom {
  return { gpu, isShared, freeBytes: DEVICE_BYTES + layersMb * MB }
}

function summary(placement: GpuPlacement | undefined): unknown {
  return placement && [placement.layers, placement.shares.map(({ gpu }) => gpu)]
}

describe('one GPU', () => {
  test('holds the whole model: nothing but the copied layer stays in RAM', () => {
    expect(placeLayers(need(2), 'cuda', [room(0, 290)])).toEqual({
      backend: 'cuda',
      layers: 3,
      shares: [{ gpu: 0, deviceBytes: DEVICE_BYTES, weightsBytes: 250 * MB, contextBytes: 40 * MB }],
      sparedWeightsBytes: 200 * MB,
      sparedContextBytes: 20 * MB,
      source: 'estimated',
    })
  })

  test('holds a part: as many layers as fit', () => {
    expect(placeLayers(need(2), 'cuda', [room(0, 289)])?.layers).toBe(2)
    expect(placeLayers(need(2), 'cuda', [room(0, 70)])?.layers).toBe(1)
    expect(placeLayers(need(2), 'cuda', [room(0, 69)])).toBeUndefined()
  })

  test('gets no more layers than a person allows', () => {
    expect(placeLayers(need(9, { mostLayers: 4 }), 'cuda', [room(0, 9_000)])?.layers).toBe(4)
    expect(placeLayers(need(9, { mostLayers: 0 }), 'cuda', [room(0, 9_000)])).toBeUndefined()
  })

  test('spares no RAM where its memory is the RAM', () => {
    const placement = placeLayers(need(2), 'metal', [{ ...room(0, 400), isShared: true }])
    expect(placement).toMatchObject({ layers: 3, sparedWeightsBytes: 0, sparedContextBytes: 0 })
  })
})

describe('several GPUs', () => {
  test('the one with the most room takes all of it where it can', () => {
    expect(summary(placeLayers(need(2), 'cuda', [room(0, 300), room(1, 400)]))).toEqual([3, [1]])
  })

  test('as few as hold it share it where one cannot, in proportion to their room', () => {
    const placement = placeLayers(need(9), 'cuda', [room(0, 700), room(1, 900), room(2, 600)])
    expect(summary(placement)).toEqual([10, [0, 1]])
    // 457 MiB beside them: 1,179 to 1,379 MB free. Of ten layers the first five lie on the first GPU.
    expect(placement?.shares.map(({ weightsBytes }) => weightsBytes)).toEqual([500 * MB, 450 * MB])
  })

  test('all of them, where a backend cannot choose', () => {
    expect(summary(placeLayers(need(2), 'vulkan', [room(0, 300), room(1, 400)]))).toEqual([3, [0, 1]])
  })
})

test('a second context lies where the weights do', () => {
  const placed = placeLayers(need(9), 'cuda', [room(0, 700), room(1, 900)])
  if (!placed) throw new Error('not placed')
  const beside = placeBeside(need(9), placed)
  expect(beside.layers).toBe(placed.layers)
  expect(beside.shares.every(({ weightsBytes }) => weightsBytes === 0)).toBe(true)
  const contextBytes = beside.shares.reduce((sum, share) => sum + share.contextBytes, 0)
  expect(contextBytes).toBeGreaterThanOrEqual(9 * 10 * MB + 2 * 20 * MB)
  expect(contextBytes).toBeLessThan(9 * 10 * MB + 2 * 20 * MB + 2)
  expect(beside).toMatchObject({ sparedWeightsBytes: 0, sparedContextBytes: 90 * MB })
})

test('never more on a GPU than it has room for, no layer twice or lost, and one more would not have fitted on one', () => {
  const layer = fc.record({ weightsBytes: fc.nat(200), contextBytes: fc.nat(50), isCopy: fc.boolean() })
  const rooms = fc.array(fc.record({ freeBytes: fc.integer({ min: -100, max: 3_000 }), isShared: fc.boolean() }), {
    maxLength: 4,
  })
  fc.assert(
    fc.property(
      fc.array(layer, { maxLength: 40 }),
      rooms,
      fc.nat(45),
      fc.constantFrom('cuda', 'vulkan', 'metal'),
      (layers, sizes, mostLayers, backend) => {
        const { deviceBytes } = BACKENDS[backend]
        const gpus = sizes.map((size, gpu) => ({ ...size, gpu, freeBytes: size.freeBytes + deviceBytes }))
        const placement = placeLayers({ layers, mostLayers, scratchBytes: 7 }, backend, gpus)
        const count = placement?.layers ?? 0
        expect(count).toBeLessThanOrEqual(Math.min(mostLayers, layers.length))
        const sum = (key: 'weightsBytes' | 'contextBytes', ofShares: number): number =>
          (placement?.shares.reduce((bytes, share) => bytes + share[key], 0) ?? 0) -
          ofShares * (placement?.shares.length ?? 0)
        const placed = layers.slice(0, count)
        expect(sum('weightsBytes', 0)).toBe(placed.reduce((bytes, { weightsBytes }) => bytes + weightsBytes, 0))
        expect(sum('contextBytes', 7)).toBe(placed.reduce((bytes, { contextBytes }) => bytes + contextBytes, 0))
        for (const share of placement?.shares ?? []) {
          expect(shareBytes(share)).toBeLessThanOrEqual(gpus[share.gpu]?.freeBytes ?? 0)
        }
        if (backend !== 'cuda' || count >= Math.min(mostLayers, layers.length)) return
        const next = layers
          .slice(0, count + 1)
          .reduce((bytes, { weightsBytes, contextBytes }) => bytes + weightsBytes + contextBytes, 0)
        for (const { freeBytes } of gpus) expect(deviceBytes + 7 + next).toBeGreaterThan(freeBytes)
      },
    ),
  )
})
