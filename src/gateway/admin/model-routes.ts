import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { ManagerService } from '../../spec/admin.ts'
import { resourceError } from '../../spec/errors.ts'
import { clientSignal } from '../client-signal.ts'

const modelBody = z.looseObject({ model: z.string().nullish(), pinned: z.boolean().optional() })

/** `GET /grym/v1/status` and `POST /grym/v1/models/load|unload|pin`. */
export function addModelRoutes(app: FastifyInstance, manager: () => ManagerService): void {
  app.get('/grym/v1/status', async () => manager().status())
  app.post('/grym/v1/models/load', async (request, reply) => {
    return manager().load(decode(request.body).model, clientSignal(reply))
  })
  app.post('/grym/v1/models/unload', async (request, reply) => {
    return manager().unload(decode(request.body).model, clientSignal(reply))
  })
  app.post('/grym/v1/models/pin', async (request) => {
    const { model, pinned } = decode(request.body)
    await manager().pin(model, pinned)
    return { model: model ?? 'default', pinned }
  })
}

function decode(body: unknown): { readonly model: string | undefined; readonly pinned: boolean } {
  const parsed = modelBody.safeParse(body)
  if (!parsed.success) {
    const message = 'Send {"model": "name"}; for pin also "pinned": true or false.'
    throw resourceError('invalid-request', message, { details: { param: 'model' } })
  }
  return { model: parsed.data.model ?? undefined, pinned: parsed.data.pinned ?? true }
}
