import type { Providers } from '../manager/engine-room.ts'
import type { ModelCatalog } from '../spec/catalog.ts'
import type { EngineLogs } from '../spec/engine-logs.ts'

/** The output of whichever engine runs a model. */
export function engineLogsOf(catalog: ModelCatalog, providers: Providers): EngineLogs {
  return {
    async read(model) {
      const { id: modelId, platform } = await catalog.resolve(model)
      return { modelId, lines: providers[platform]?.log?.(modelId) ?? [] }
    },
  }
}
