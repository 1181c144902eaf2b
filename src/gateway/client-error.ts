import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { randomUUID } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import { resourceError } from '../spec/errors.ts'
import { openAiError } from './openai/encode-error.ts'

interface Answer {
  readonly status: number
  readonly message: string
}

const TOO_SLOW: Answer = { status: 408, message: 'The request did not arrive whole in time. Send it again, faster.' }
const TOO_MANY_HEADERS: Answer = { status: 431, message: 'The headers of the request are larger than is allowed.' }

/** Codes of Node's HTTP parser. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  ERR_HTTP_REQUEST_TIMEOUT: TOO_SLOW,
  HPE_HEADER_OVERFLOW: TOO_MANY_HEADERS,
}
const NOT_HTTP: Answer = { status: 400, message: 'What came is no HTTP request that can be understood.' }

/** Answers what is no HTTP request: no route and no dialect are known yet, so the error has OpenAI's shape; then it hangs up. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket, log: FastifyBaseLogger): void {
  // Nobody is there to be answered.
  if (error.code === 'ECONNRESET' || socket.destroyed) {
    socket.destroy()
    return
  }
  const { status, message } = ANSWERS[error.code ?? ''] ?? NOT_HTTP
  const id = `err_${randomUUID()}`
  log.info({ errorId: id, reason: 'invalid-request', code: error.code }, message)
  // A part of an answer may be out already; nothing may be written into it.
  if (!socket.writable || socket.bytesWritten > 0) {
    socket.destroy(error)
    return
  }
  const body = JSON.stringify(openAiError(resourceError('invalid-request', message), id))
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-grym-error-id: ${id}`,
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  socket.destroySoon()
}
