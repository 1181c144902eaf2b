import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import { type ResourceError, resourceError } from '../spec/errors.ts'

const METHODS: readonly HTTPMethods[] = ['GET', 'POST', 'DELETE', 'PATCH']

/** Why nobody answers here: there is no such path, or another method was meant; then `Allow` says which. */
export function unknownRoute(app: FastifyInstance, request: FastifyRequest, reply: FastifyReply): ResourceError {
  const called = `${request.method} ${request.url.slice(0, 200)}`
  const url = request.url.split('?')[0] ?? ''
  const allowed = METHODS.filter((method) => app.hasRoute({ method, url }))
  if (allowed.length === 0) {
    const message = `There is no ${called}. GET /v1/models and POST /v1/chat/completions are here.`
    return resourceError('route-not-found', message)
  }
  reply.header('Allow', allowed.join(', '))
  return resourceError('method-not-allowed', `There is no ${called}; ${allowed.join(' and ')} is what is served there.`)
}
