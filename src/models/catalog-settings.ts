import { readFile } from 'node:fs/promises'
import { resourceError } from '../spec/errors.ts'
import type { FileEngine, ModelEntrySettings, TemplateSource } from '../spec/model-entry.ts'
import type { EngineOptions, KvType, RequestDefaults } from '../spec/model.ts'

/** Where a name leads by the configuration, and what it sets for it. */
export interface ConfiguredName {
  /** The model to look for; the name itself where nothing says otherwise. */
  readonly name: string
  readonly settings: ModelEntrySettings
  /** The weights file, where the configuration names one. */
  readonly path?: string
  /** Keys of the entries that were followed, the outermost first. */
  readonly followed: readonly string[]
}

/** What a person has set for models; read anew for each request, so that a change takes effect. */
export interface CatalogSettings {
  /** The model for requests that name none. */
  readonly defaultModel: string
  /** Window of a context, unless the model was trained for less. */
  readonly contextTokens: number
  /** Requests that a model serves at once. */
  readonly parallel: number
  readonly kvType: KvType
  /** Layers of a model that lie on GPUs at most. */
  readonly mostGpuLayers: number
  /** Largest KV cache of a model; a window that would need more is made smaller. */
  readonly maxKvBytes: number
  /** What models take by a person's word, by name. */
  readonly modelSizesBytes: Readonly<Record<string, number>>
  configured(name: string): ConfiguredName
  /** Entries that are names, not patterns. */
  names(): readonly string[]
  /** Entries that name a file: models of their own. */
  fileEntries(): readonly string[]
}

/** How a model's context is made: what is the same can share one. */
export interface ContextWish extends EngineOptions {
  readonly contextTokens: number
  readonly parallel: number
  readonly mostGpuLayers: number
  /** What runs it, where it is a file. */
  readonly fileEngine: FileEngine
}

/** How the engine is to run a model that is wished for like this. */
export function engineOptions({ kvType, template, loras, batchTokens }: ContextWish): EngineOptions {
  return { kvType, template, loras, ...(batchTokens !== undefined && { batchTokens }) }
}

/** What is set for this name, with what is set for all where it says nothing. Throws `config-invalid`. */
export async function contextWish(entry: ModelEntrySettings, all: CatalogSettings): Promise<ContextWish> {
  return {
    contextTokens: entry.contextTokens ?? all.contextTokens,
    parallel: entry.parallel ?? all.parallel,
    kvType: entry.kvType ?? all.kvType,
    mostGpuLayers: entry.mostGpuLayers ?? all.mostGpuLayers,
    fileEngine: entry.engine ?? 'embedded',
    template: entry.template ? await templateText(entry.template) : null,
    loras: entry.loras ?? [],
    ...(entry.batchTokens !== undefined && { batchTokens: entry.batchTokens }),
  }
}

/** What an entry sets, on top of what a model brings itself. Both kinds of adapters are put on. */
export function withModelDefaults(
  entry: ModelEntrySettings,
  model: ModelEntrySettings | undefined,
): ModelEntrySettings {
  if (!model) return entry
  const sampling = { ...model.sampling, ...entry.sampling }
  const loras = [...(model.loras ?? []), ...(entry.loras ?? [])]
  return {
    ...model,
    ...entry,
    ...(Object.keys(sampling).length > 0 && { sampling }),
    ...(loras.length > 0 && { loras }),
  }
}

export function requestDefaults({ system, sampling, maxTokens, stop }: ModelEntrySettings): RequestDefaults {
  return {
    ...(system !== undefined && { system }),
    ...(sampling && { sampling }),
    ...(maxTokens !== undefined && { maxTokens }),
    ...(stop && { stop }),
  }
}

async function templateText(source: TemplateSource): Promise<string> {
  if (source.kind === 'text') return source.text
  try {
    return await readFile(source.path, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw resourceError('config-invalid', `The chat template ${source.path} cannot be read: ${why}`, { cause: error })
  }
}
