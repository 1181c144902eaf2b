import { join } from 'node:path'
import { placeLayers } from '../../src/core/gpu-placement.ts'
import { FileCatalog } from '../../src/models/catalog.ts'
import { LearnedFootprints } from '../../src/models/learned-footprints.ts'
import { MetadataCache } from '../../src/models/metadata-cache.ts'
import { BATCH_TOKENS, GPU_BATCH_TOKENS } from '../../src/providers/embedded/embedded-provider.ts'
import type { Embeddings, GenerateChunk, GenerateRequest } from '../../src/spec/chat.ts'
import type { GpuPlacement } from '../../src/spec/gpu-placement.ts'
import { GPU_CHOICES, type GpuBackend } from '../../src/spec/gpu.ts'
import type { Footprint, ModelDefinition, ModelId, Platform } from '../../src/spec/model.ts'
import type { EngineLoss, LoadResult, Provider, StateAccess } from '../../src/spec/provider.ts'
import { DigestCache } from '../../src/system/file-digest.ts'
import { SystemClock } from '../../src/system/system-clock.ts'
import { plainCatalogSettings } from './plain-catalog-settings.ts'

const MEMORY_BYTES = 2_000_000_000

/** What `npm run test:gpu` found to test on. */
export function gpuUnderTest(): {
  readonly backend: GpuBackend
  readonly enginesFolder: string
  /** It is the CPU that computes what Vulkan asks for: true, and very slow. */
  readonly isSoftware: boolean
} {
  const { GRYM_TEST_GPU: backend = '', GRYM_TEST_ENGINES: enginesFolder = '', GRYM_TEST_SOFTWARE } = process.env
  const known = GPU_CHOICES.find(
    (choice): choice is GpuBackend => choice === backend && choice !== 'auto' && choice !== 'off',
  )
  if (!known) throw new Error('These tests need a GPU: run them with `npm run test:gpu`, which looks for one.')
  return { backend: known, enginesFolder, isSoftware: GRYM_TEST_SOFTWARE === '1' }
}

/** The catalog over `<folder>/models`, as the daemon has it. */
export async function gpuCatalog(folder: string): Promise<FileCatalog> {
  return new FileCatalog({
    clock: new SystemClock(),
    folders: [join(folder, 'models')],
    digests: new DigestCache(join(folder, 'digests.json')),
    ollamaFolders: [],
    metadata: new MetadataCache(join(folder, 'metadata.json')),
    learned: await LearnedFootprints.open(join(folder, 'learned.json')),
    batchTokens: BATCH_TOKENS,
    gpuBatchTokens: GPU_BATCH_TOKENS,
    settings: () => plainCatalogSettings({}, 'llama'),
  })
}

/** Where the core would put the model on one empty GPU. */
export function placeOn(backend: GpuBackend, definition: ModelDefinition, mostLayers: number = Infinity): GpuPlacement {
  if (!definition.gpu) throw new Error(`${definition.id} says nothing of GPUs`)
  const rooms = [{ gpu: 0, freeBytes: MEMORY_BYTES, isShared: false }]
  const placement = placeLayers({ ...definition.gpu, mostLayers }, backend, rooms)
  if (!placement) throw new Error(`${definition.id} has no place on a GPU`)
  return placement
}

/** A provider whose loads are all placed. */
export class PlacedProvider implements Provider {
  readonly platform: Platform
  readonly states?: StateAccess
  readonly #provider: Provider
  readonly #place: (definition: ModelDefinition) => GpuPlacement

  constructor(provider: Provider, place: (definition: ModelDefinition) => GpuPlacement) {
    this.platform = provider.platform
    if (provider.states) this.states = provider.states
    this.#provider = provider
    this.#place = place
  }

  load(definition: ModelDefinition, signal: AbortSignal): Promise<LoadResult> {
    return this.#provider.load(definition, signal, this.#place(definition))
  }

  unload(modelId: ModelId): Promise<void> {
    return this.#provider.unload(modelId)
  }

  generate(modelId: ModelId, request: GenerateRequest, signal: AbortSignal): AsyncIterable<GenerateChunk> {
    return this.#provider.generate(modelId, request, signal)
  }

  countTokens(...asked: Parameters<Provider['countTokens']>): Promise<number> {
    return this.#provider.countTokens(...asked)
  }

  embed(modelId: ModelId, inputs: readonly string[], signal: AbortSignal): Promise<Embeddings> {
    return this.#provider.embed(modelId, inputs, signal)
  }

  measure(modelId: ModelId): Promise<Footprint | undefined> {
    return this.#provider.measure(modelId)
  }

  onEngineLost(listener: (loss: EngineLoss) => void): void {
    this.#provider.onEngineLost(listener)
  }

  dispose(): Promise<void> {
    return this.#provider.dispose()
  }
}
