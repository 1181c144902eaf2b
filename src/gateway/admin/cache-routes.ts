import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { ManagerService } from '../../spec/admin.ts'
import type { CacheArchive, CacheReceipt, CacheWish } from '../../spec/cache-service.ts'
import { clientSignal } from '../client-signal.ts'
import { decode } from './decode-query.ts'

/** Longest stay that a client may name; what is longer has no end. */
const LONGEST_STAY_MS = 10 * 365 * 86_400_000
const ttlWords = 'must be a whole number of milliseconds, 1 or more, or null for no end'
const name = z.string().min(1).max(256)
const moveBody = z.looseObject({
  model: z.string().nullish(),
  ttl: z
    .number({ error: ttlWords })
    .int(ttlWords)
    .min(1, ttlWords)
    .max(LONGEST_STAY_MS, ttlWords)
    .nullable()
    .optional(),
  priority: z.enum(['low', 'normal', 'high'], { error: 'must be low, normal or high' }).nullish(),
})
const listQuery = z.object({ model: name.optional() })
const clearBody = z.looseObject({ model: name.nullish() })

/** Models moved to the cache of KV states on disk, and that cache itself. */
export function addCacheRoutes(app: FastifyInstance, manager: () => ManagerService, cache: () => CacheArchive): void {
  app.post('/grym/v1/models/cache', async (request, reply) => {
    const meant = 'Send {"model": "name"}, and if wanted "ttl" (ms) and "priority" (low, normal or high).'
    const { model, ttl, priority } = decode(moveBody, request.body, meant)
    const wish: CacheWish = { ...(ttl !== undefined && { ttlMs: ttl }), ...(priority != null && { priority }) }
    return encodeReceipt(await manager().moveToCache(model ?? undefined, wish, clientSignal(reply)))
  })
  app.get('/grym/v1/cache', async (request) => {
    return cache().list(decode(listQuery, request.query, 'Use ?model=<name>, or nothing.').model)
  })
  app.post('/grym/v1/cache/prune', async () => cache().prune())
  app.post('/grym/v1/cache/verify', async () => cache().verify())
  app.post('/grym/v1/cache/clear', async (request) => {
    const { model } = decode(clearBody, request.body ?? {}, 'Send {"model": "name"}, or {} for everything.')
    return cache().clear(model ?? undefined)
  })
}

/** The guide's result, in its megabytes, with what is known beside it. */
function encodeReceipt(receipt: CacheReceipt): object {
  const { beforeBytes, afterBytes, savedBytes } = receipt
  const mb = (bytes: number): number => bytes / 1_000_000
  return {
    ...receipt,
    metrics: { beforeSize: mb(beforeBytes), afterSize: mb(afterBytes), savedMemory: mb(savedBytes) },
  }
}
