import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { History } from '../../spec/history.ts'
import { decode, numberText } from './decode-query.ts'

const MOST_ROWS = 10_000
const count = numberText.pipe(z.number().int().min(0).max(Number.MAX_SAFE_INTEGER))
const rows = numberText.pipe(z.number().int().min(1).max(MOST_ROWS)).default(100)
const decisionQuery = z.object({ model: z.string().max(256).optional(), event: count.optional(), limit: rows })
const requestQuery = z.object({ after: count.optional(), limit: rows })

/** `GET /grym/v1/history` (decisions) and `GET /grym/v1/history/requests`, oldest first. */
export function addHistoryRoutes(app: FastifyInstance, history: () => History): void {
  app.get('/grym/v1/history', async (request) => {
    const { model, event, limit } = decode(
      decisionQuery,
      request.query,
      `Use ?model=, ?event= and ?limit=1…${MOST_ROWS}.`,
    )
    const query = {
      limit,
      ...(model !== undefined && { modelId: model }),
      ...(event !== undefined && { eventId: event }),
    }
    return { decisions: await history().decisions(query) }
  })
  app.get('/grym/v1/history/requests', async (request) => {
    const { after, limit } = decode(requestQuery, request.query, `Use ?after=<event id> and ?limit=1…${MOST_ROWS}.`)
    return { requests: await history().requests({ limit, ...(after !== undefined && { afterEventId: after }) }) }
  })
}
