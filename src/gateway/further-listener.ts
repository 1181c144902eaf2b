import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { CLIENT_DEADLINES, serverOptions } from './client-deadlines.ts'

/** Another way in to the same gateway: what comes here is served as if it had come there, by the same limits. */
export function furtherServer({ server }: Pick<FastifyInstance, 'server'>): Server {
  const { keepAliveTimeout, maxRequestsPerSocket } = server
  const further = createServer({ ...serverOptions(CLIENT_DEADLINES), keepAliveTimeout }, (request, response) => {
    server.emit('request', request, response)
  })
  further.maxRequestsPerSocket = maxRequestsPerSocket
  further.on('checkExpectation', (request, response) => server.emit('request', request, response))
  further.on('connect', (request: IncomingMessage, socket: Duplex) => server.emit('connect', request, socket))
  further.on('clientError', (error: Error, socket: Duplex) => server.emit('clientError', error, socket))
  return further
}
