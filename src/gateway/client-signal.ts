import type { FastifyReply } from 'fastify'

/** Aborts when the client's connection closes before the response is complete, wherever the request is by then. */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort()
  })
  return controller.signal
}
