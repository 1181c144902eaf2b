import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { ConversationArchive } from '../../spec/conversations.ts'
import { decode, numberText } from './decode-query.ts'

const MOST_CONVERSATIONS = 10_000
const listQuery = z.object({
  limit: numberText.pipe(z.number().int().min(1).max(MOST_CONVERSATIONS)).default(100),
  before: numberText.pipe(z.number().min(0)).optional(),
})

/** Conversations to look at and to delete: one, or all. */
export function addConversationRoutes(app: FastifyInstance, conversations: () => ConversationArchive): void {
  app.get('/grym/v1/conversations', async (request) => {
    const { limit, before } = decode(listQuery, request.query, 'Use ?limit=1…10000 and ?before=<milliseconds>.')
    const query = { limit, ...(before !== undefined && { beforeMs: before }) }
    return { conversations: await conversations().list(query) }
  })
  app.delete('/grym/v1/conversations', async () => ({ deleted: await conversations().deleteAll() }))
  app.get<{ Params: { '*': string } }>('/grym/v1/conversations/*', async ({ params }) => {
    return conversations().get(params['*'])
  })
  app.delete<{ Params: { '*': string } }>('/grym/v1/conversations/*', async ({ params }) => {
    await conversations().delete(params['*'])
    return { deleted: 1 }
  })
}
