import type { WindowWish } from '../spec/catalog.ts'
import type { ModelEntrySettings } from '../spec/model-entry.ts'
import type { FootprintEstimate, ModelDefinition, ModelId } from '../spec/model.ts'
import type { OfferedModel } from '../spec/offered-model.ts'
import type { ModelDescription, ModelListing } from '../spec/status.ts'
import { type CatalogSettings, type ContextWish, engineOptions, requestDefaults } from './catalog-settings.ts'
import { grownWindow, windowTokens } from './context-window.ts'
import { configuredEstimate } from './footprint-estimate.ts'
import type { GgufMetadata } from './gguf-metadata.ts'
import type { LearnedFootprints } from './learned-footprints.ts'
import { OFFERED_BATCH_TOKENS, offeredContextMemory, offeredEstimate } from './offered-estimate.ts'

/** A model of another engine, with how it is wished for. */
export interface WantedOffer {
  readonly model: OfferedModel
  readonly id: ModelId
  readonly wish: ContextWish
  readonly settings: ModelEntrySettings
  /** What the header of its file says, where that lies here. */
  readonly file?: GgufMetadata | undefined
  /** False where a person's entry sets the window. */
  readonly mayGrow: boolean
}

/** The window that it is run with: the engine's own, else as for any model. */
export function offeredWindow(model: OfferedModel, wish: ContextWish, maxKvBytes: number): number {
  if (model.fixedContextTokens !== null) return model.fixedContextTokens
  const contextMemory = offeredContextMemory(model)
  const trainContextTokens = model.trainContextTokens ?? Infinity
  if (!contextMemory) return Math.min(wish.contextTokens, trainContextTokens)
  return windowTokens({ contextMemory, trainContextTokens }, wish, OFFERED_BATCH_TOKENS, maxKvBytes)
}

export function offeredDefinition(
  { model, id, wish, settings, file, mayGrow }: WantedOffer,
  all: CatalogSettings,
  learned: LearnedFootprints,
  larger?: WindowWish,
): ModelDefinition {
  const parallel = model.fixedParallel ?? wish.parallel
  const { kvType, batchTokens = OFFERED_BATCH_TOKENS } = wish
  const { engineKey, engineName, platform, weights, capabilities } = model
  const estimateAt = (contextTokens: number): FootprintEstimate => {
    const shape = { contextTokens, parallel, kvType, batchTokens }
    const estimate = learned.correct(
      { engineKey, ...shape, batchTokens: wish.batchTokens },
      offeredEstimate(model, shape, file),
    )
    return sizeBytes === null ? estimate : configuredEstimate(estimate, sizeBytes)
  }
  const sizeBytes = all.modelSizesBytes[id] ?? all.modelSizesBytes[model.id] ?? model.footprintBytes
  const configured = offeredWindow(model, wish, all.maxKvBytes)
  const most = offeredWindow(model, { ...wish, contextTokens: Infinity }, all.maxKvBytes)
  const contextTokens = larger && mayGrow ? grownWindow(configured, most, larger, estimateAt) : configured
  return {
    ...{ id, platform, engineKey, engineName, weights, contextTokens, parallel },
    engine: engineOptions(wish),
    estimate: estimateAt(contextTokens),
    // Nobody tells the longest token of its vocabulary.
    maxPromptBytes: null,
    isElsewhere: model.isElsewhere,
    onlyEmbeds: !capabilities.includes('completion'),
    seesImages: capabilities.includes('vision'),
    pinned: settings.pinned ?? false,
    priority: settings.priority ?? 0,
    defaults: requestDefaults(settings),
    idleTimeoutMs: settings.idleTimeoutMs === undefined ? 'default' : settings.idleTimeoutMs,
  }
}

export function offeredListing(
  { model, id, wish }: Omit<WantedOffer, 'settings' | 'mayGrow'>,
  { maxKvBytes }: CatalogSettings,
): ModelListing {
  const { modifiedAtMs, sizeBytes, platform, capabilities } = model
  const contextTokens = offeredWindow(model, wish, maxKvBytes)
  return { id, createdAtMs: modifiedAtMs, contextTokens, sizeBytes, platform, capabilities }
}

export function offeredDescription(wanted: WantedOffer, all: CatalogSettings): ModelDescription {
  const { architecture, parameterCount, quantization, trainContextTokens, chatTemplate, header } = wanted.model
  const told = (key: string): number | null => {
    const value = header && architecture !== null ? header[`${architecture}.${key}`] : undefined
    return typeof value === 'number' ? value : null
  }
  return {
    ...offeredListing(wanted, all),
    ...{ architecture, parameterCount, quantization, trainContextTokens, chatTemplate },
    blockCount: told('block_count'),
    embeddingLength: told('embedding_length'),
    vocabularyTokens: null,
  }
}
