import { randomUUID } from 'node:crypto'
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { type ResourceError, resourceError } from '../spec/errors.ts'
import { type Dialect, dialectOf } from './dialect.ts'
import { encodeError } from './error-reply.ts'

/** What Node's parser says of a request that it cannot read. */
export interface BrokenRequest extends Error {
  readonly code?: string
  /** What the client sent last: bytes. */
  readonly rawPacket?: unknown
}

/** How much of a request is looked at for its dialect. */
const MOST_HEAD_BYTES = 16_384

/**
 * Answers what is no HTTP that can be read, in the words of every other error, and closes the connection: nobody knows
 * where the next request would begin. Within a stream of an answer nothing can be said any more.
 */
export class BrokenRequests {
  /** The newest response of each connection. */
  readonly #responses = new WeakMap<Socket, ServerResponse>()

  /** Follows the responses of this app, and takes what Node would answer with silence. */
  follow({ server }: FastifyInstance, log: FastifyBaseLogger): void {
    server.on('request', ({ socket }, response) => this.#responses.set(socket, response))
    // An expectation that nobody knows changes nothing about the request.
    server.on('checkExpectation', (request, response) => server.emit('request', request, response))
    server.on('connect', ({ socket, headers, url = '' }: IncomingMessage) => {
      const message = 'This is no proxy: CONNECT is not served. Send the request itself.'
      say(socket, resourceError('route-not-found', message), dialectOf({ url, headers }), log)
    })
  }

  refuse(cause: BrokenRequest, socket: Socket, log: FastifyBaseLogger): void {
    const response = this.#responses.get(socket)
    const isAnswering = response?.headersSent === true && !response.writableFinished
    if (cause.code === 'ECONNRESET' || !socket.writable || isAnswering) {
      socket.destroy()
      return
    }
    say(socket, explain(cause), dialectOf(headOf(cause.rawPacket)), log)
  }
}

/** Says it in HTTP made by hand, and closes. */
function say(socket: Socket, error: ResourceError, dialect: Dialect, log: FastifyBaseLogger): void {
  const id = `err_${randomUUID()}`
  log.info({ errorId: id, reason: error.reason }, error.message)
  const body = JSON.stringify(encodeError(dialect, error, id))
  const lines = [
    `HTTP/1.1 ${error.httpStatus} ${STATUS_CODES[error.httpStatus] ?? ''}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Grym-Error-Id: ${id}`,
    'Connection: close',
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

function explain(cause: BrokenRequest): ResourceError {
  if (cause.code === 'HPE_HEADER_OVERFLOW') {
    return resourceError('headers-too-large', 'The headers have more than 16 KiB. Send fewer or shorter ones.', {
      cause,
    })
  }
  if (cause.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return resourceError('request-too-slow', 'The request did not come whole in time. Send it again.', { cause })
  }
  const message = `This is no HTTP request that can be read (${cause.message}). Check the client, and that it speaks HTTP without TLS here.`
  return resourceError('invalid-request', message, { cause })
}

/** What tells the dialect of a request, as far as the packet begins with one. */
function headOf(packet: unknown): Parameters<typeof dialectOf>[0] {
  const text = Buffer.isBuffer(packet) ? packet.subarray(0, MOST_HEAD_BYTES).toString('latin1') : ''
  const [head = ''] = text.split('\r\n\r\n', 1)
  const version = /^anthropic-version:(.*)$/im.exec(head)?.[1]
  const url = /^\S+ (\/\S*)/.exec(head)?.[1] ?? ''
  return { url, headers: version === undefined ? {} : { 'anthropic-version': version } }
}
