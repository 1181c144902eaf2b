import type { FastifyInstance } from 'fastify'
import type { ManagerService } from '../../spec/admin.ts'
import type { ModelListing, ModelStatus } from '../../spec/status.ts'
import { descriptionOf, encodeListed } from './listed-model.ts'

/**
 * The version of Ollama whose API is spoken here. Clients take it for what the server can do, and `ollama` warns when it is
 * another than its own; grym's own version stands beside it.
 */
const SPOKEN_VERSION = '0.17.4'
/** Ollama's "forever": the longest duration it knows, from now on. */
const FOREVER_MS = 2 ** 63 / 1e6

/** `GET|HEAD /api/version`, `GET|HEAD /api/tags` (every model, by names that can be asked for), `GET /api/ps` (those in memory). */
export function addListRoutes(app: FastifyInstance, manager: () => ManagerService): void {
  app.get('/api/version', async () => ({ version: SPOKEN_VERSION, grym: (await manager().status()).version }))
  app.get('/api/tags', async () => {
    const models = await manager().models()
    return { models: await Promise.all(models.map((listing) => encodeTag(manager(), listing))) }
  })
  app.get('/api/ps', async () => {
    const { models } = await manager().status()
    const listings = new Map((await manager().models()).map((listing) => [listing.id, listing]))
    const running = models.filter(({ state }) => state === 'ready' || state === 'unloading')
    const nowMs = Date.now()
    const latestFirst = running.toSorted((a, b) => expiryMs(b, nowMs) - expiryMs(a, nowMs))
    return {
      models: await Promise.all(
        latestFirst.map((model) => encodeRunning(manager(), model, listings.get(model.id), expiryMs(model, nowMs))),
      ),
    }
  })
}

async function encodeTag(manager: ManagerService, listing: ModelListing): Promise<object> {
  const { id, createdAtMs, capabilities } = listing
  const about = await descriptionOf(manager, id)
  return { ...encodeListed(listing, about), modified_at: new Date(createdAtMs).toISOString(), capabilities }
}

async function encodeRunning(
  manager: ManagerService,
  { id, footprintBytes, gpu, contextTokens, platform }: ModelStatus,
  listing: ModelListing | undefined,
  expiresAtMs: number,
): Promise<object> {
  // A file that was deleted while its model is in memory is listed no more.
  const known = listing ?? { id, createdAtMs: 0, contextTokens, sizeBytes: null, platform, capabilities: [] }
  return {
    ...encodeListed(known, await descriptionOf(manager, id)),
    // Here it is what it takes in memory, not on disk.
    size: footprintBytes,
    expires_at: new Date(expiresAtMs).toISOString(),
    size_vram: (gpu?.shares ?? []).reduce((sum, { bytes }) => sum + bytes, 0),
    context_length: contextTokens,
  }
}

/** Without a timer there is none; one that leaves is past it, by which `ollama ps` says that it is stopping. */
function expiryMs({ state, expiresAtMs }: ModelStatus, nowMs: number): number {
  if (state === 'unloading') return nowMs - 1
  return expiresAtMs ?? nowMs + FOREVER_MS
}
