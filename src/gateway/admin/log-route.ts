import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { EngineLogs } from '../../spec/engine-logs.ts'
import { decode } from './decode-query.ts'

const logQuery = z.object({ model: z.string().max(256).optional() })

/** `GET /grym/v1/logs?model=`: what the model's engine printed last. */
export function addLogRoute(app: FastifyInstance, logs: () => EngineLogs): void {
  app.get('/grym/v1/logs', async (request) => {
    const { model } = decode(logQuery, request.query, 'Use ?model=<name>.')
    return logs().read(model)
  })
}
