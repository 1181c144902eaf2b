import { createServer, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'

/** Another way in to the same gateway: what comes here is served as if it had come there, by the same limits. */
export function furtherServer({ server }: FastifyInstance): Server {
  const { requestTimeout, headersTimeout, keepAliveTimeout, maxRequestsPerSocket } = server
  const further = createServer({ requestTimeout, headersTimeout, keepAliveTimeout }, (request, response) => {
    server.emit('request', request, response)
  })
  further.maxRequestsPerSocket = maxRequestsPerSocket
  further.on('checkExpectation', (request, response) => server.emit('request', request, response))
  further.on('clientError', (error: Error, socket: Duplex) => server.emit('clientError', error, socket))
  return further
}
