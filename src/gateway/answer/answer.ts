import type { FastifyReply, FastifyRequest } from 'fastify'
import type { InferChunk, InferRequest } from '../../spec/admin.ts'
import type { AnswerPart } from '../../spec/chat.ts'
import { resourceError } from '../../spec/errors.ts'
import { clientSignal } from '../client-signal.ts'
import { logError } from '../error-reply.ts'
import type { Reception } from '../reception.ts'
import { StreamBody } from '../stream-body.ts'
import type { AnswerWriter } from './answer-writer.ts'
import { writeReceipt } from './receipt.ts'

const JSON_TYPE = 'application/json; charset=utf-8'

/** One answer on its way to a client. */
export interface AnswerOptions {
  readonly reception: Reception
  readonly asked: InferRequest
  readonly writer: AnswerWriter
}

/** Asks and answers, whole or streamed, as was asked. */
export async function answer(
  options: AnswerOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | void> {
  const { reception, asked } = options
  const chunks = reception.manager.infer(asked, clientSignal(reply))[Symbol.asyncIterator]()
  return asked.isStreamed ? stream(chunks, options, request, reply) : answerWhole(chunks, options.writer, reply)
}

async function answerWhole(
  chunks: AsyncIterator<InferChunk>,
  writer: AnswerWriter,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const parts: AnswerPart[] = []
  const relayed: Uint8Array[] = []
  for (;;) {
    const chunk = await nextOf(chunks)
    if (chunk.type === 'start') continue
    if (chunk.type === 'bytes') relayed.push(chunk.bytes)
    else if (chunk.type !== 'end') parts.push(chunk)
    else {
      writeReceipt(reply, chunk.receipt, chunk)
      if (relayed.length === 0) return reply.send(writer.whole(parts, chunk))
      return reply.type(JSON_TYPE).send(Buffer.concat(relayed))
    }
  }
}

/**
 * Status and headers wait for the first chunk, so that a failure before it is a proper error; only when the silence
 * lasts longer than a client's patience do they go out, followed by what keeps the connection open in this dialect. A
 * failure after that is told within the stream, which then ends without its usual last words.
 */
async function stream(
  chunks: AsyncIterator<InferChunk>,
  { writer, reception }: AnswerOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  let body: StreamBody | undefined
  let isRelayed = false
  let last: Uint8Array = new Uint8Array()
  const open = (): StreamBody => (body ??= new StreamBody(reply, writer.contentType))
  const stayOpen = (): void => {
    // To a client that has yet to take what was sent, silence is its own.
    if (open().waitingBytes === 0) open().post(writer.idle)
  }
  const keepAlive = writer.idle === '' ? undefined : setInterval(stayOpen, reception.keepAliveAfterMs)
  try {
    for (;;) {
      const chunk = await nextOf(chunks)
      if (chunk.type === 'end') {
        open().end(isRelayed ? (writer.relayedEnd?.(last, chunk) ?? last) : writer.end(chunk))
        return
      }
      if (chunk.type === 'bytes' && chunk.isLast) {
        last = chunk.bytes
        continue
      }
      if (chunk.type === 'start') {
        if (!body) writeReceipt(reply, chunk.receipt)
        isRelayed = chunk.isRelayed === true
      }
      const piece = pieceOf(chunk, writer)
      // What a dialect leaves out (thoughts that nobody asked for) is silence to the client.
      if (piece.length > 0) keepAlive?.refresh()
      await open().write(piece)
    }
  } catch (error) {
    if (!body) throw error
    const { known, id } = logError(error, request)
    body.end(writer.failure(known, id))
  } finally {
    clearInterval(keepAlive)
  }
}

function pieceOf(chunk: Exclude<InferChunk, { type: 'end' }>, writer: AnswerWriter): string | Uint8Array {
  if (chunk.type === 'bytes') return chunk.bytes
  if (chunk.type === 'start') return chunk.isRelayed ? '' : writer.begin(chunk.receipt)
  return writer.part(chunk)
}

async function nextOf(chunks: AsyncIterator<InferChunk>): Promise<InferChunk> {
  const { value: chunk } = await chunks.next()
  if (!chunk) throw resourceError('engine-error', 'The answer ended without saying how. Send the request again.')
  return chunk
}
