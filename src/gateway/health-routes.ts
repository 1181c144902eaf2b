import type { FastifyInstance } from 'fastify'

/** Where the daemon is in its life. */
export type Health =
  | { readonly status: 'starting'; readonly step: string; readonly percent: number }
  | { readonly status: 'ok'; readonly version: string }
  | { readonly status: 'draining' }

/** `/health` (alive and able to serve), `/ready` (takes new work), `/` (what Ollama's clients probe for). */
export function addHealthRoutes(app: FastifyInstance, health: () => Health): void {
  app.get('/health', async (_request, reply) => {
    const now = health()
    return reply.status(now.status === 'starting' ? 503 : 200).send(now.status === 'draining' ? { status: 'ok' } : now)
  })
  app.get('/ready', async (_request, reply) => {
    const now = health()
    return reply.status(now.status === 'ok' ? 200 : 503).send({ status: now.status === 'ok' ? 'ok' : now.status })
  })
  app.route({
    method: ['GET', 'HEAD'],
    url: '/',
    handler: async (_request, reply) => reply.type('text/plain; charset=utf-8').send('Ollama is running'),
  })
}
