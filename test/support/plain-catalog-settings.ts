import type { CatalogSettings, ConfiguredName } from '../../src/models/catalog-settings.ts'

/** Settings in which no name means anything special, but for these. */
export function plainCatalogSettings(
  entries: Readonly<Record<string, Partial<ConfiguredName>>> = {},
  defaultModel: string = 'tiny',
): CatalogSettings {
  return {
    defaultModel,
    contextTokens: 1_024,
    parallel: 1,
    kvType: 'f16',
    mostGpuLayers: 1_000,
    maxKvBytes: 1e9,
    modelSizesBytes: {},
    configured(name) {
      const entry = entries[name]
      return { name, settings: {}, followed: entry ? [name] : [], ...entry }
    },
    names: () => Object.keys(entries),
    fileEntries: () => Object.keys(entries).filter((name) => entries[name]?.path !== undefined),
  }
}
