import { randomUUID } from 'node:crypto'
import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { type ResourceError, resourceError } from '../spec/errors.ts'
import { dialectOf } from './dialect.ts'
import { encodeError } from './error-reply.ts'

/** What Node's parser says of a request that it cannot read. */
export interface BrokenRequest extends Error {
  readonly code?: string
  /** What the client sent last: bytes. */
  readonly rawPacket?: unknown
}

/** Longest request line that is looked at for the dialect. */
const MOST_LINE_BYTES = 2_000

/**
 * Answers what is no HTTP that can be read, in the words of every other error, and closes the connection: nobody knows
 * where the next request would begin. Within a stream of an answer nothing can be said any more.
 */
export class BrokenRequests {
  /** The newest response of each connection. */
  readonly #responses = new WeakMap<Socket, ServerResponse>()

  /** Follows the responses of this app. */
  follow({ server }: FastifyInstance): void {
    server.on('request', ({ socket }, response) => this.#responses.set(socket, response))
  }

  refuse(cause: BrokenRequest, socket: Socket, log: FastifyBaseLogger): void {
    const response = this.#responses.get(socket)
    const isAnswering = response?.headersSent === true && !response.writableFinished
    if (cause.code === 'ECONNRESET' || !socket.writable || isAnswering) {
      socket.destroy()
      return
    }
    const error = explain(cause)
    const id = `err_${randomUUID()}`
    log.info({ errorId: id, reason: error.reason, cause: cause.code }, error.message)
    const body = JSON.stringify(encodeError(dialectOf({ url: pathOf(cause.rawPacket), headers: {} }), error, id))
    const lines = [
      `HTTP/1.1 ${error.httpStatus} ${STATUS_CODES[error.httpStatus] ?? ''}`,
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Grym-Error-Id: ${id}`,
      'Connection: close',
    ]
    socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
  }
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

/** The path of the request that the packet begins with; empty = it begins with none. */
function pathOf(packet: unknown): string {
  const text = Buffer.isBuffer(packet) ? packet.subarray(0, MOST_LINE_BYTES).toString('latin1') : ''
  return /^[A-Z]+ (\/\S*)/.exec(text)?.[1] ?? ''
}
