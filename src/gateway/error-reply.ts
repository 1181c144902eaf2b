import { randomUUID } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ERROR_TABLE } from '../spec/error-table.ts'
import { ResourceError, resourceError } from '../spec/errors.ts'
import { anthropicError } from './anthropic/encode-error.ts'
import { type Dialect, dialectOf } from './dialect.ts'
import { ollamaError } from './ollama/encode-error.ts'
import { openAiError } from './openai/encode-error.ts'

/** The shape that errors have in each dialect. */
const ENCODINGS: Readonly<Record<Dialect, (error: ResourceError, id: string) => object>> = {
  openai: openAiError,
  anthropic: anthropicError,
  ollama: ollamaError,
}

/** Most of an engine's output that is written to our own log with its error. */
const MAX_LOG_LINES = 20
const MAX_LOG_CHARACTERS = 4_000

/** Answers with an error: its status, its shape, an id that finds it in the log, and when to try again. */
export function replyError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { known, id } = logError(error, request)
  reply.header('X-Grym-Error-Id', id)
  const retryAfterMs = known.details?.['retryAfterMs']
  // A connection that is closed while the client still sends gives it an error of its own instead of this answer.
  if (known.reason === 'request-too-large') reply.removeHeader('connection')
  // OpenAI's and Anthropic's own clients try every 5xx again, unless they are told.
  if (known.httpStatus >= 500 && !known.isRetryable) reply.header('X-Should-Retry', 'false')
  if (known.httpStatus === 503) {
    reply.header(
      'Retry-After',
      Math.max(1, Math.ceil((typeof retryAfterMs === 'number' ? retryAfterMs : 1_000) / 1_000)),
    )
  }
  const dialect = dialectOf(request)
  // Where Anthropic's clients look for the id of what they were answered.
  if (dialect === 'anthropic') reply.header('Request-Id', id)
  const body = encodeError(dialect, known, id)
  return reply.status(known.httpStatus).type('application/json; charset=utf-8').send(body)
}

/** The error object of a dialect. */
export function encodeError(dialect: Dialect, error: ResourceError, id: string): object {
  return ENCODINGS[dialect](error, id)
}

/** Gives the error its id and writes it to the log; what is not ours becomes `internal`, its stack in the log only. */
export function logError(
  error: unknown,
  request: FastifyRequest,
): { readonly known: ResourceError; readonly id: string } {
  const known = knownError(error)
  const id = `err_${randomUUID()}`
  const isFault = ERROR_TABLE[known.reason].httpStatus === 500
  const details = loggedDetails(known.details)
  const what = { errorId: id, reason: known.reason, details, method: request.method, url: request.url }
  if (isFault) request.log.error({ ...what, err: error }, known.message)
  else request.log.info(what, known.message)
  return { known, id }
}

/** What an engine printed is cut to its end: it is asked for by `grym logs`, and a log of failures must not be full of it. */
function loggedDetails(details: ResourceError['details']): ResourceError['details'] {
  const log = details?.['log']
  if (typeof log !== 'string') return details
  return { ...details, log: log.split('\n').slice(-MAX_LOG_LINES).join('\n').slice(-MAX_LOG_CHARACTERS) }
}

function knownError(error: unknown): ResourceError {
  if (error instanceof ResourceError) return error
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return resourceError(
      'request-too-large',
      'The body is larger than http.maxBodyBytes allows. Send less, or raise it.',
    )
  }
  // What Fastify refuses by itself (a bad URL, a bad content length) is the client's to mend.
  if (typeof code === 'string' && code.startsWith('FST_ERR') && typeof statusCode === 'number' && statusCode < 500) {
    return resourceError('invalid-request', error instanceof Error ? error.message : String(error))
  }
  const message = 'grym met a fault of its own. The log of the daemon has it under this id.'
  return resourceError('internal', message, { cause: error })
}
