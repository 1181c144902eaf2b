import { describe, expect, test } from 'vitest'
import { CoreUnderTest, decisions, deeds, model, reading } from '../../test/support/core-world.ts'
import type { GpuNeed } from '../spec/gpu-placement.ts'
import type { GpuReading } from '../spec/gpu.ts'
import type { MemoryReading } from '../spec/memory.ts'
import type { ModelDefinition } from '../spec/model.ts'
import { BACKENDS, shareBytes } from './gpu-placement.ts'
import type { Effect } from './effect.ts'

const MB = 1_000_000
const DEVICE_MB = BACKENDS.cuda.deviceBytes / MB

/** Ten layers of 8 MB and 1.5 MB of context: a whole model takes 95 MB and 5 of scratch beside the driver's part. */
const NEED: GpuNeed = {
  layers: Array.from({ length: 10 }, () => ({ weightsBytes: 8 * MB, contextBytes: 1.5 * MB, isCopy: false })),
  mostLayers: Infinity,
  scratchBytes: 5 * MB,
}
const WHOLE_MB = 100 + DEVICE_MB

function onGpu(id: string, changes: Partial<ModelDefinition> = {}): ModelDefinition {
  return model(id, { gpu: NEED, ...changes })
}

/** A machine with one GPU, all of which is for models. */
class GpuMachine extends CoreUnderTest {
  readonly #totalMb: number
  gpuUsedMb = 0

  constructor(totalMb: number, limits: { readonly whenFull?: 'evict' | 'reject' } = {}) {
    super({ gpuBackend: 'cuda', limits: { memoryThreshold: 1, ...limits } })
    this.#totalMb = totalMb
    this.sample()
  }

  sample(): Effect[] {
    return this.tell({ type: 'memorySampled', memory: this.read() })
  }

  read(): MemoryReading {
    const gpu = { index: 0, name: 'GPU', vendor: 'nvidia', isShared: false, source: 'nvidia-smi' } as const
    const gpus: GpuReading[] = [
      { ...gpu, totalBytes: Math.ceil(this.#totalMb * MB) + 10, usedBytes: Math.floor(this.gpuUsedMb * MB) },
    ]
    return { ...reading(this.usedBytes), gpus }
  }

  /** The load ends well, and the GPU is as full as was planned. */
  loadedOn(modelId: string): Effect[] {
    const shares = this.world.models.get(modelId)?.placement?.shares ?? []
    this.gpuUsedMb += shares.reduce((sum, share) => sum + shareBytes(share), 0) / MB
    const footprint = { bytes: 5 * MB, source: 'measured' } as const
    const found = { loadMs: 1, footprint, contextTokens: 1_000, heldFileBytes: 0 }
    return this.tell({ type: 'loadSucceeded', modelId, loadId: this.loadId(modelId), ...found, memory: this.read() })
  }

  left(modelId: string): Effect[] {
    const shares = this.world.models.get(modelId)?.placement?.shares ?? []
    this.gpuUsedMb -= shares.reduce((sum, share) => sum + shareBytes(share), 0) / MB
    return this.tell({ type: 'unloadSucceeded', modelId, memory: this.read() })
  }

  layers(modelId: string): number | undefined {
    return this.world.models.get(modelId)?.placement?.layers
  }
}

test('the load carries where the layers are to lie, and what is promised counts until it is read', () => {
  const machine = new GpuMachine(2 * WHOLE_MB)
  const load = machine.ask('r1', onGpu('a')).find(({ type }) => type === 'load')
  expect(load).toMatchObject({ placement: { backend: 'cuda', layers: 10, shares: [{ gpu: 0 }] } })
  machine.ask('r2', onGpu('b'))
  expect(machine.layers('b')).toBe(10)
  machine.loadedOn('a')
  machine.loadedOn('b')
  expect(machine.gpuUsedMb).toBeCloseTo(2 * WHOLE_MB)
})

test('memory of other programs is not ours to give: as many layers as fit beside it', () => {
  const machine = new GpuMachine(WHOLE_MB + 50)
  machine.gpuUsedMb = 100
  machine.sample()
  machine.ask('r1', onGpu('a'))
  // 50 MB are left for layers and scratch: four of 9.5 MB.
  expect(machine.layers('a')).toBe(4)
})

test('an idle model leaves the GPU so that the next one lies there whole', () => {
  const machine = new GpuMachine(WHOLE_MB + 50)
  machine.use(onGpu('a'))
  machine.loadedOn('a')
  machine.finished('use-a')
  expect(deeds(machine.ask('r1', onGpu('b')))).toEqual(['unload a'])
  expect(deeds(machine.left('a'))).toEqual(['load b'])
  expect(machine.layers('b')).toBe(10)
})

test('a busy model is waited for, a pinned one is not: the other lies in RAM', () => {
  const busy = new GpuMachine(WHOLE_MB + 50)
  busy.ask('r1', onGpu('a'))
  busy.loadedOn('a')
  expect(deeds(busy.ask('r2', onGpu('b')))).toEqual([])
  busy.finished('r1')
  expect(busy.state('a')).toBe('unloading')

  const pinned = new GpuMachine(WHOLE_MB + 50)
  pinned.ask('r1', onGpu('a', { pinned: true }))
  pinned.loadedOn('a')
  expect(deeds(pinned.ask('r2', onGpu('b')))).toEqual(['load b'])
  expect(pinned.layers('b')).toBeUndefined()
})

test('where nothing is to be evicted a model lies in RAM at once', () => {
  const machine = new GpuMachine(WHOLE_MB + 50, { whenFull: 'reject' })
  machine.ask('r1', onGpu('a'))
  machine.loadedOn('a')
  machine.finished('r1')
  expect(deeds(machine.ask('r2', onGpu('b')))).toEqual(['load b'])
  expect(machine.layers('b')).toBeUndefined()
})

test('what lies on a GPU is not reckoned to RAM', () => {
  const machine = new GpuMachine(WHOLE_MB)
  machine.usedBytes = 950 * MB
  machine.sample()
  // 100 MB in RAM would not fit; with all layers on the GPU it is 5.
  expect(deeds(machine.ask('r1', onGpu('a')))).toEqual(['load a'])
})

describe('a load that fails for its GPU', () => {
  test('is tried with half of the layers, at once, and in the end with none', () => {
    const machine = new GpuMachine(WHOLE_MB)
    machine.ask('r1', onGpu('a'))
    for (const layers of [5, 2, 1, undefined]) {
      const effects = machine.tell({
        type: 'loadFailed',
        modelId: 'a',
        loadId: machine.loadId('a'),
        error: { reason: 'gpu-out-of-memory', message: 'no room' },
        memory: machine.read(),
      })
      expect(decisions(effects)).toContain('gpu-fewer-layers a gpu-out-of-memory')
      expect(deeds(effects)).toEqual(['load a'])
      expect(machine.layers('a')).toBe(layers)
    }
    machine.loadedOn('a')
    expect(machine.state('a')).toBe('ready')
  })

  test('is tried without GPUs where they cannot be used, and so are others until the settings change', () => {
    const machine = new GpuMachine(4 * WHOLE_MB)
    machine.ask('r1', onGpu('a'))
    const error = { reason: 'gpu-unusable', message: 'no driver' } as const
    machine.tell({ type: 'loadFailed', modelId: 'a', loadId: machine.loadId('a'), error, memory: machine.read() })
    machine.loadedOn('a')
    machine.ask('r2', onGpu('b'))
    expect([machine.layers('a'), machine.layers('b')]).toEqual([undefined, undefined])
    machine.tell({ type: 'settingsChanged', settings: machine.world.settings })
    machine.ask('r3', onGpu('c'))
    expect(machine.layers('c')).toBe(10)
  })
})

describe('a second model on the same weights', () => {
  test('lies where they do and takes its context only', () => {
    const machine = new GpuMachine(WHOLE_MB + 25)
    machine.ask('r1', onGpu('a', { engineKey: 'w' }))
    machine.loadedOn('a')
    machine.ask('r2', onGpu('b', { engineKey: 'w' }))
    const [share] = machine.world.models.get('b')?.placement?.shares ?? []
    expect(share?.weightsBytes).toBe(0)
    expect(share?.contextBytes).toBeCloseTo(20 * MB, -1)
    machine.loadedOn('b')
    machine.finished('r1')
    machine.tell({ type: 'unloadRequested', requestId: 'u', modelId: 'a' })
    machine.tell({ type: 'unloadSucceeded', modelId: 'a', memory: machine.read() })
    expect(machine.world.models.get('b')?.placement?.shares[0]).toMatchObject({
      deviceBytes: DEVICE_MB * MB,
      weightsBytes: 80 * MB,
    })
  })

  test('that finds no room there all the same is tried again like any load, after a pause', () => {
    const machine = new GpuMachine(WHOLE_MB + 25)
    machine.ask('r1', onGpu('a', { engineKey: 'w' }))
    machine.loadedOn('a')
    machine.ask('r2', onGpu('b', { engineKey: 'w' }))
    const effects = machine.failed('b', 'gpu-out-of-memory')
    expect(decisions(effects)).toContain('load-retry b')
    expect(deeds(effects)).toEqual([])
  })

  test('lies where they do although GPUs are not to be used any more', () => {
    const machine = new GpuMachine(WHOLE_MB + 25)
    machine.ask('r1', onGpu('a', { engineKey: 'w' }))
    machine.loadedOn('a')
    machine.tell({ type: 'settingsChanged', settings: { ...machine.world.settings, gpuBackend: null } })
    machine.ask('r2', onGpu('b', { engineKey: 'w' }))
    expect(machine.layers('b')).toBe(10)
  })

  test('sends the other away where the GPU has no room for its context, and is refused where that one is pinned', () => {
    const machine = new GpuMachine(WHOLE_MB + 5)
    machine.ask('r1', onGpu('a', { engineKey: 'w' }))
    machine.loadedOn('a')
    machine.finished('r1')
    expect(deeds(machine.ask('r2', onGpu('b', { engineKey: 'w' })))).toEqual(['unload a'])
    expect(deeds(machine.left('a'))).toEqual(['load b'])
    expect(machine.layers('b')).toBe(10)

    const pinned = new GpuMachine(WHOLE_MB + 5)
    pinned.ask('r1', onGpu('a', { engineKey: 'w', pinned: true }))
    pinned.loadedOn('a')
    expect(deeds(pinned.ask('r2', onGpu('b', { engineKey: 'w' })))).toEqual(['end r2 memory-limit-exceeded'])
  })
})
