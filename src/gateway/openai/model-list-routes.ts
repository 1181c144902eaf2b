import type { FastifyInstance } from 'fastify'
import type { ManagerService } from '../../spec/admin.ts'
import { resourceError } from '../../spec/errors.ts'

type Listed = Awaited<ReturnType<ManagerService['models']>>[number]

/** `GET /v1/models` and `GET /v1/models/{id}`, default first. */
export function addModelListRoutes(app: FastifyInstance, manager: () => ManagerService): void {
  app.get('/v1/models', async () => ({ object: 'list', data: (await manager().models()).map(encodeModel) }))
  app.get<{ Params: { '*': string } }>('/v1/models/*', async (request) => {
    const id = request.params['*']
    const models = await manager().models()
    const listed = models.find((model) => model.id === id)
    if (listed) return encodeModel(listed)
    // A name that leads to a model is one that a client may ask for.
    const modelId = await manager().identify(id)
    const found = models.find((model) => model.id === modelId)
    if (!found)
      throw resourceError('model-not-found', `Unknown model '${id.slice(0, 100)}'. GET /v1/models lists them.`)
    return { ...encodeModel(found), id }
  })
}

function encodeModel({ id, createdAtMs, state, contextTokens, sizeBytes, capabilities, platform }: Listed): object {
  return {
    id,
    object: 'model',
    created: Math.floor(createdAtMs / 1_000),
    owned_by: 'grym',
    state,
    context_length: contextTokens,
    size_bytes: sizeBytes,
    capabilities,
    platform,
  }
}
