import type { Config } from '../config/config.ts'
import { isPattern, resolveModelEntry } from '../config/model-entries.ts'
import type { CatalogSettings } from '../models/catalog-settings.ts'

/** What the configuration says of models, as the catalog asks for it. */
export function catalogSettings(config: Config): CatalogSettings {
  const { defaultModel, contextTokens, parallel, kvType, modelSizesBytes, buffers, entries } = config
  return {
    defaultModel,
    contextTokens,
    parallel,
    kvType,
    modelSizesBytes,
    maxKvBytes: buffers.context.maxBytes,
    configured: (name) => resolveModelEntry(name, entries),
    fileEntries: () => Object.keys(entries).filter((name) => entries[name]?.source?.kind === 'file'),
  }
}

/** Models that the configuration pins, by name; a pattern names none. */
export function pinnedNames({ entries }: Config): readonly string[] {
  return Object.keys(entries).filter((name) => !isPattern(name) && entries[name]?.settings.pinned === true)
}
