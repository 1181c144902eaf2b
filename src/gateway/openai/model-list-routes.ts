import type { FastifyInstance } from 'fastify'
import type { ManagerService } from '../../spec/admin.ts'
import { resourceError } from '../../spec/errors.ts'
import { encodeModel as encodeForAnthropic, encodeModelPage } from '../anthropic/model-list.ts'
import { dialectOf } from '../dialect.ts'

type Listed = Awaited<ReturnType<ManagerService['models']>>[number]

/** `GET /v1/models` and `GET /v1/models/{id}`, default first; in the words of Anthropic's API for those who speak them. */
export function addModelListRoutes(app: FastifyInstance, manager: () => ManagerService): void {
  app.get('/v1/models', async (request) => {
    const models = await manager().models()
    if (dialectOf(request) === 'anthropic') return encodeModelPage(models, request.query)
    return { object: 'list', data: models.map(encodeModel) }
  })
  app.get<{ Params: { '*': string } }>('/v1/models/*', async (request) => {
    const encode = dialectOf(request) === 'anthropic' ? encodeForAnthropic : encodeModel
    const id = request.params['*']
    const models = await manager().models()
    const listed = models.find((model) => model.id === id)
    if (listed) return encode(listed)
    // A name that leads to a model is one that a client may ask for.
    const modelId = await manager().identify(id)
    const found = models.find((model) => model.id === modelId)
    if (!found)
      throw resourceError('model-not-found', `Unknown model '${id.slice(0, 100)}'. GET /v1/models lists them.`)
    return { ...encode(found), id }
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
