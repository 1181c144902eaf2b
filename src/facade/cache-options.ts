import type { CacheWish } from '../spec/cache-service.ts'
import { resourceError } from '../spec/errors.ts'

export interface CacheOptions {
  /** How long the model may come back from the cache, ms. Default: `kvcache.ttl`. */
  readonly ttl?: number
  /** Of low priority leave the cache first. Default `normal`. */
  readonly priority?: 'low' | 'normal' | 'high'
}

const PRIORITIES: ReadonlySet<unknown> = new Set(['low', 'normal', 'high'])

/** Throws `invalid-request` that names what is wrong. */
export function cacheWish(options: CacheOptions): CacheWish {
  if (typeof options !== 'object' || options === null) {
    throw resourceError('invalid-request', `moveToCache: ${String(options)} is not allowed: an object.`)
  }
  const { ttl, priority } = options
  if (ttl !== undefined && !(Number.isSafeInteger(ttl) && ttl > 0)) {
    throw resourceError('invalid-request', `ttl: ${String(ttl)} is not allowed: whole milliseconds above 0.`)
  }
  if (priority !== undefined && !PRIORITIES.has(priority)) {
    throw resourceError('invalid-request', `priority: ${JSON.stringify(priority)} is not allowed: low, normal or high.`)
  }
  return { ...(ttl !== undefined && { ttlMs: ttl }), ...(priority !== undefined && { priority }) }
}
