import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { EmbeddedGround } from './support/embedded-ground.ts'
import { gpuCatalog, gpuUnderTest, placeOn } from './support/gpu-ground.ts'
import type { FileCatalog } from '../src/models/catalog.ts'
import type { GenerateChunk, TokenLogprob } from '../src/spec/chat.ts'
import type { GpuPlacement } from '../src/spec/gpu-placement.ts'
import type { ModelDefinition } from '../src/spec/model.ts'
import { tinyGguf, type TinyModel } from '../src/testing/tiny-gguf.ts'

/*
 * The embedded engine with layers on a real GPU, or on a device that Vulkan computes in software (`npm run test:gpu` says
 * which): answers are those of the CPU, and the engine takes what was reckoned.
 */

const KINDS: readonly TinyModel[] = ['llama', 'grouped-query', 'gemma3', 'mixtral', 'mamba', 'lfm2', 'qwen35']
const never = new AbortController().signal

const gpu = gpuUnderTest()
let folder = ''
let catalog: FileCatalog
const paths = new Map<string, string>()
let ground: EmbeddedGround

async function write(id: string, content: Uint8Array): Promise<void> {
  paths.set(id, join(folder, 'models', `${id}.gguf`))
  await writeFile(join(folder, 'models', `${id}.gguf`), content)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-gpu-'))
  await mkdir(join(folder, 'models'))
  for (const kind of KINDS) await write(kind, tinyGguf({ model: kind, isEndless: true }))
  catalog = await gpuCatalog(folder)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

beforeEach(() => {
  ground = new EmbeddedGround(folder, paths, { enginesFolder: gpu.enginesFolder, mayUseGpus: () => true })
})

afterEach(() => ground.provider.dispose())

function placed(definition: ModelDefinition, mostLayers = Infinity): GpuPlacement {
  return placeOn(gpu.backend, definition, mostLayers)
}

async function logprobs(definition: ModelDefinition, placement?: GpuPlacement): Promise<TokenLogprob[]> {
  await ground.provider.load(definition, never, placement)
  const request = {
    messages: [{ role: 'user' as const, content: 'on a GPU' }],
    sampling: { temperature: 0 },
    maxTokens: 6,
    stop: [],
    topLogprobs: 1,
  }
  const chunks: GenerateChunk[] = []
  for await (const chunk of ground.provider.generate(definition.id, request, never)) chunks.push(chunk)
  await ground.provider.unload(definition.id)
  return chunks.flatMap((chunk) => (chunk.type === 'text' ? (chunk.logprobs ?? []) : []))
}

describe.each(KINDS)('%s', (kind) => {
  test('answers with layers on the GPU are those of the CPU, but for rounding', async () => {
    const definition = await catalog.resolve(kind)
    const expected = await logprobs(definition)
    expect(expected).toHaveLength(6)
    for (const mostLayers of [Infinity, 2]) {
      const found = await logprobs(definition, placed(definition, mostLayers))
      expect(found.map(({ token }) => token)).toEqual(expected.map(({ token }) => token))
      for (const [place, { logprob }] of found.entries())
        expect(logprob).toBeCloseTo(expected[place]?.logprob ?? NaN, 1)
    }
  })

  test('the engine takes of the GPU what was reckoned', async () => {
    const definition = await catalog.resolve(kind)
    const reckoned = placed(definition)
    expect(reckoned.layers).toBe(definition.gpu?.layers.length)
    const { placement, heldFileBytes } = await ground.provider.load(definition, never, reckoned)
    expect(placement).toMatchObject({ layers: reckoned.layers, source: 'reported' })
    const [told, said] = [placement?.shares[0], reckoned.shares[0]]
    // Sizes are told in hundredths of a MiB.
    expect(Math.abs((told?.weightsBytes ?? 0) - (said?.weightsBytes ?? 0))).toBeLessThan(
      11_000 + 0.02 * (said?.weightsBytes ?? 0),
    )
    expect((told?.contextBytes ?? 0) / (said?.contextBytes ?? 1)).toBeGreaterThan(0.5)
    expect((told?.contextBytes ?? 0) / (said?.contextBytes ?? 1)).toBeLessThan(1.05)
    expect(heldFileBytes).toBeLessThan(definition.estimate.weightsBytes)
  })
})

test('what ends the engine over its GPU says so, and nothing is left behind', async () => {
  // Keys of one layer in a buffer larger than the device can address: llama.cpp gives up with an abort.
  const definition = { ...(await catalog.resolve('llama')), contextTokens: 4_194_304 }
  const error = await ground.provider.load(definition, never, placed(definition)).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ reason: 'gpu-load-failed' })
  expect([...ground.running]).toEqual([])
})
