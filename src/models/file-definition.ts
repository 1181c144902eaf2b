import type { WindowWish } from '../spec/catalog.ts'
import type { ModelEntrySettings } from '../spec/model-entry.ts'
import {
  type FootprintEstimate,
  llamaServerKey,
  type ModelDefinition,
  type ModelId,
  type WeightsIdentity,
} from '../spec/model.ts'
import { type CatalogSettings, type ContextWish, engineOptions, requestDefaults } from './catalog-settings.ts'
import { mostCheckpoints } from './checkpoint-memory.ts'
import { grownWindow, windowTokens } from './context-window.ts'
import { configuredEstimate, estimateFootprint, type LoadShape } from './footprint-estimate.ts'
import type { GgufMetadata } from './gguf-metadata.ts'
import { gpuNeed } from './gpu-need.ts'
import type { LearnedFootprints } from './learned-footprints.ts'
import { offeredProcessBytes, OFFERED_BATCH_TOKENS } from './offered-estimate.ts'

/** A file on its way to a model. */
export interface WantedFile {
  readonly id: ModelId
  /** The id of the file itself, which an alias leads to. */
  readonly fileId: ModelId
  readonly engineKey: string
  readonly weights: WeightsIdentity
  readonly metadata: GgufMetadata
  readonly wish: ContextWish
  readonly settings: ModelEntrySettings
  /** False where a person's entry sets the window. */
  readonly mayGrow: boolean
}

/** Which engine runs a file that is wished for like this. */
export function filePlatform({ fileEngine }: Pick<ContextWish, 'fileEngine'>): 'local' | 'server' {
  return fileEngine === 'llama-server' ? 'server' : 'local'
}

export interface BatchSizes {
  readonly batchTokens: number
  /** The same where layers lie on GPUs. */
  readonly gpuBatchTokens: number
}

/**
 * How a GGUF file is to be loaded: by the embedded engine, or by a llama-server of its own.
 * @param name as it was asked for: a size in memory may be configured under it.
 * @param larger a wish for a larger window; absent = the one that is configured.
 */
export function fileDefinition(
  wanted: WantedFile,
  name: string,
  all: CatalogSettings,
  learned: LearnedFootprints,
  batches: BatchSizes,
  larger?: WindowWish,
): ModelDefinition {
  const { id, fileId, weights, metadata, wish, settings } = wanted
  const platform = filePlatform(wish)
  const isServed = platform === 'server'
  const { parallel, kvType } = wish
  const batchTokens = wish.batchTokens ?? (isServed ? OFFERED_BATCH_TOKENS : batches.batchTokens)
  // A server is started for one window and one number of slots: another one is another process.
  const engineKey = isServed ? llamaServerKey(id) : wanted.engineKey
  const sizeBytes = [name, id, fileId].map((key) => all.modelSizesBytes[key]).find((bytes) => bytes !== undefined)
  const shapeAt = (contextTokens: number): LoadShape => ({ contextTokens, parallel, kvType, batchTokens })
  const estimateAt = (contextTokens: number): FootprintEstimate => {
    const shape = shapeAt(contextTokens)
    const reckoned = estimateFootprint(metadata, shape)
    const ofEngine = isServed ? { ...reckoned, processBytes: offeredProcessBytes('server') } : reckoned
    const estimate = learned.correct({ engineKey, ...shape, batchTokens: wish.batchTokens }, ofEngine)
    return sizeBytes === undefined ? estimate : configuredEstimate(estimate, sizeBytes)
  }
  const configured = windowTokens(metadata, wish, batchTokens, all.maxKvBytes)
  const most = windowTokens(metadata, { ...wish, contextTokens: Infinity }, batchTokens, all.maxKvBytes)
  const contextTokens = larger && wanted.mayGrow ? grownWindow(configured, most, larger, estimateAt) : configured
  const shape = shapeAt(contextTokens)
  return {
    ...{ id, platform, engineKey, weights, contextTokens, parallel },
    engine: engineOptions(wish),
    ...(!isServed && {
      checkpoints: mostCheckpoints(metadata.contextMemory, shape),
      gpu: gpuNeed(metadata, { ...shape, batchTokens: wish.batchTokens ?? batches.gpuBatchTokens }, wish.mostGpuLayers),
    }),
    estimate: estimateAt(contextTokens),
    maxPromptBytes: contextTokens * metadata.longestTokenBytes,
    ...(metadata.wordsPerToken !== null && { maxPromptWords: contextTokens * metadata.wordsPerToken }),
    onlyEmbeds: !metadata.capabilities.includes('completion'),
    pinned: settings.pinned ?? false,
    priority: settings.priority ?? 0,
    defaults: requestDefaults(settings),
    idleTimeoutMs: settings.idleTimeoutMs === undefined ? 'default' : settings.idleTimeoutMs,
  }
}
