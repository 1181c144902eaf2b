import type { CacheArchive } from '../spec/cache-service.ts'
import type { StateCacheKeeper } from '../spec/state-cache.ts'

/** The cache for people. @param open throws `cache-operation-failed` where there is none, saying why. */
export function cacheArchive(open: () => StateCacheKeeper): CacheArchive {
  return {
    async list(modelId) {
      const cache = open()
      const entries = cache.list().filter((entry) => modelId === undefined || entry.modelId === modelId)
      return { report: cache.report(), entries }
    },
    prune: async () => open().prune(),
    verify: async () => open().verify(),
    clear: async (modelId) => open().clear(modelId),
  }
}
