import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { GpuPlacement } from '../../spec/gpu-placement.ts'
import { needsReload, readOptions } from '../../testing/ollama/load-options.ts'
import { DEFAULT_MODELS, type FakeModel } from '../../testing/ollama/models.ts'
import { answerRequest } from './answer-request.ts'
import { isSameSignature, joinSignature, loadSignature, runnerOptions } from './load-signature.ts'
import type { OwnParameters } from './ollama-replies.ts'

const WINDOWS = fc.integer({ min: 16, max: 131_072 })
const OWN: fc.Arbitrary<OwnParameters> = fc.record(
  {
    batchTokens: fc.integer({ min: 1, max: 2_048 }),
    gpuLayers: fc.integer({ min: -1, max: 99 }),
    threads: fc.integer({ min: 0, max: 64 }),
    stop: fc.constant([]),
  },
  { requiredKeys: ['stop'] },
)
const SAMPLING = fc.record(
  { temperature: fc.double({ min: 0, max: 2 }), topK: fc.nat(), seed: fc.nat(), minP: fc.double({ min: 0, max: 1 }) },
  { requiredKeys: [] },
)
const [BASE] = DEFAULT_MODELS as readonly [FakeModel]

/** The model under a name of its own, with what that name's Modelfile sets. */
function named({ batchTokens, gpuLayers, threads }: OwnParameters): FakeModel {
  const set = { num_batch: batchTokens, num_gpu: gpuLayers, num_thread: threads }
  return { ...BASE, parameters: Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined)) }
}

test('no request of a model makes Ollama load it again, whatever else it asks for and whichever name it goes by', () => {
  fc.assert(
    fc.property(WINDOWS, OWN, OWN, SAMPLING, fc.nat(), fc.constantFrom('own-runner', 'llama-server'), (...drawn) => {
      const [contextTokens, own, others, sampling, maxTokens, age] = drawn
      const signature = loadSignature({ contextTokens }, own, undefined)
      const defaults = { age, vramBytes: 0, contextTokens: 0 } as const
      const read = (model: FakeModel, body: Readonly<Record<string, unknown>>) => ({
        options: readOptions(model, body['options'] as Record<string, unknown>, defaults).load,
        isShifting: body['shift'] !== false,
        adapters: [],
        projectors: [],
      })
      const loaded = read(named(own), { options: runnerOptions(signature), shift: false })
      const request = { messages: [{ role: 'user' as const, content: 'x' }], sampling, maxTokens, stop: ['a'] }
      for (const model of [named(own), named(others)]) {
        const answering = { name: model.name, signature, keepAlive: '24h', stop: [], canThink: false }
        const { body } = answerRequest(request, answering)
        expect(needsReload(age, loaded, read(model, body))).toBe(false)
        expect(body).toMatchObject({ truncate: false, shift: false })
      }
    }),
  )
})

test('a runner only grows: as many loads as there are larger and larger windows, and each fits who joined', () => {
  fc.assert(
    fc.property(WINDOWS, fc.array(WINDOWS, { maxLength: 20 }), (first, others) => {
      let signature = loadSignature({ contextTokens: first }, undefined, undefined)
      let reloads = 0
      let largest = first
      for (const contextTokens of others) {
        const joining = joinSignature(signature, loadSignature({ contextTokens }, undefined, undefined))
        expect(joining.isReload).toBe(contextTokens > largest)
        expect(joining.isReloadAvoided).toBe(contextTokens < largest)
        largest = Math.max(largest, contextTokens)
        reloads += Number(joining.isReload)
        signature = joining.signature
        expect(signature.contextTokens).toBe(largest)
      }
      expect(reloads).toBeLessThanOrEqual(new Set(others).size)
    }),
  )
})

test('what only the second name sets is left out while it shares a runner', () => {
  const loaded = loadSignature({ contextTokens: 4_096 }, { threads: 2, stop: [] }, undefined)
  const joining = joinSignature(loaded, loadSignature({ contextTokens: 4_096 }, { threads: 4, stop: [] }, undefined))
  expect(joining).toEqual({ signature: loaded, isReload: false, isReloadAvoided: true })
  expect(isSameSignature(joining.signature, loaded)).toBe(true)
})

test('a batch is the one that is configured, before that of the Modelfile, before the default', () => {
  const own = { batchTokens: 100, stop: [] }
  const batch = (
    ...[definition, parameters]: [Parameters<typeof loadSignature>[0], OwnParameters | undefined]
  ): number => loadSignature(definition, parameters, undefined).batchTokens
  expect(batch({ contextTokens: 1, engine: { batchTokens: 64 } }, own)).toBe(64)
  expect(batch({ contextTokens: 1, engine: {} }, own)).toBe(100)
  expect(batch({ contextTokens: 1, engine: {} }, undefined)).toBe(512)
})

test('layers lie where they are placed, off GPUs where none were given, and as the model or Ollama has it else', () => {
  const need = { layers: [], mostLayers: Infinity, scratchBytes: 0 }
  const placement: GpuPlacement = {
    backend: 'cuda',
    layers: 12,
    shares: [],
    sparedWeightsBytes: 0,
    sparedContextBytes: 0,
    source: 'estimated',
  }
  const layers = (...[definition, own, placed]: Parameters<typeof loadSignature>): number =>
    loadSignature(definition, own, placed).gpuLayers
  expect(layers({ contextTokens: 1, gpu: need }, { gpuLayers: 3, stop: [] }, placement)).toBe(12)
  expect(layers({ contextTokens: 1, gpu: need }, { gpuLayers: 3, stop: [] }, undefined)).toBe(0)
  expect(layers({ contextTokens: 1 }, { gpuLayers: 3, stop: [] }, undefined)).toBe(3)
  expect(layers({ contextTokens: 1 }, undefined, undefined)).toBe(-1)
})

test('what nobody says and cannot be written out is not written', () => {
  expect(runnerOptions(loadSignature({ contextTokens: 8 }, undefined, undefined))).toEqual({
    num_ctx: 8,
    num_batch: 512,
    num_gpu: -1,
    num_thread: 0,
  })
  const own = { mayMap: false, mainGpu: 1, stop: [] }
  expect(runnerOptions(loadSignature({ contextTokens: 8 }, own, undefined))).toMatchObject({
    use_mmap: false,
    main_gpu: 1,
  })
})
