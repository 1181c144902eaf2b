import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { isPattern, resolveModelEntry } from '../config/model-entries.ts'
import type { CatalogSettings } from '../models/catalog-settings.ts'
import { entryFileName } from '../models/entry-file-name.ts'
import type { ModelEntry } from '../spec/model-entry.ts'
import type { StateFolders } from '../system/folders.ts'
import { pullFolder } from './fetch-model.ts'

/** What the configuration says of models, as the catalog asks for it. */
export function catalogSettings(config: Config, folders: StateFolders): CatalogSettings {
  const { defaultModel, contextTokens, parallel, kvType, mostGpuLayers, modelSizesBytes, buffers, entries } = config
  return {
    defaultModel,
    contextTokens,
    parallel,
    kvType,
    mostGpuLayers,
    modelSizesBytes,
    maxKvBytes: buffers.context.maxBytes,
    configured(name) {
      const entry = resolveModelEntry(name, entries)
      if (entry.download === undefined) return entry
      return { ...entry, path: join(pullFolder(config, folders), entryFileName(entry.name)) }
    },
    names: () => Object.keys(entries).filter((name) => !isPattern(name)),
    fileEntries: () => Object.keys(entries).filter((name) => ['file', 'download'].includes(kindOf(entries[name]))),
  }
}

function kindOf(entry: ModelEntry | undefined): string {
  return entry?.source?.kind ?? 'model'
}

/** Models that the configuration pins, by name; a pattern names none. */
export function pinnedNames({ entries }: Config): readonly string[] {
  return Object.keys(entries).filter((name) => !isPattern(name) && entries[name]?.settings.pinned === true)
}
