import { randomUUID } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { InferChunk, InferReceipt, InferRequest, ManagerService } from '../../spec/admin.ts'
import type { AnswerPart } from '../../spec/chat.ts'
import { resourceError } from '../../spec/errors.ts'
import { clientSignal } from '../client-signal.ts'
import { logError } from '../error-reply.ts'
import { EventStream } from '../event-stream.ts'
import type { AnswerEncoding, AnswerIdentity } from './encode-answer.ts'
import { openAiError } from './encode-error.ts'

type EndChunk = Extract<InferChunk, { type: 'end' }>

/** One answer on its way to a client of OpenAI's API. */
export interface AnswerOptions {
  readonly manager: ManagerService
  readonly asked: InferRequest
  readonly encoding: AnswerEncoding
  readonly includeUsage: boolean
  readonly keepAliveAfterMs: number
}

/** Asks and answers, whole or streamed, as was asked. */
export async function answer(
  options: AnswerOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | void> {
  const { manager, asked } = options
  const chunks = manager.infer(asked, clientSignal(reply))[Symbol.asyncIterator]()
  return asked.isStreamed ? stream(chunks, options, request, reply) : answerWhole(chunks, options.encoding, reply)
}

async function answerWhole(
  chunks: AsyncIterator<InferChunk>,
  encoding: AnswerEncoding,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const parts: AnswerPart[] = []
  for (;;) {
    const chunk = await nextOf(chunks)
    if (chunk.type === 'start') continue
    if (chunk.type !== 'end') parts.push(chunk)
    else {
      writeReceipt(reply, chunk.receipt)
      const { cachedTokens } = chunk.usage
      if (cachedTokens !== null) reply.header('X-Grym-Cached-Tokens', cachedTokens)
      return reply.send(encoding.whole(identify(encoding, chunk.receipt), parts, chunk))
    }
  }
}

/**
 * Status and headers wait for the first chunk, so that a failure before it is a proper error; only when the silence
 * lasts longer than a client's patience do they go out, followed by comments that keep the connection open. A failure
 * after that is an explicit error event, and no `[DONE]`.
 */
async function stream(
  chunks: AsyncIterator<InferChunk>,
  { encoding, asked, includeUsage, keepAliveAfterMs }: AnswerOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  let events: EventStream | undefined
  const keepAlive = setInterval(() => {
    events ??= new EventStream(reply)
    events.comment('waiting')
  }, keepAliveAfterMs)
  const send = async (data: object | undefined): Promise<void> => {
    if (data) await events?.send(JSON.stringify(data))
  }
  try {
    let identity = identify(encoding, { modelId: asked.model ?? 'default' })
    const counts = { text: 0, reasoning: 0, toolCall: 0 }
    for (;;) {
      const chunk = await nextOf(chunks)
      keepAlive.refresh()
      if (chunk.type === 'start') {
        identity = identify(encoding, chunk.receipt)
        if (!events) writeReceipt(reply, chunk.receipt)
        events ??= new EventStream(reply)
        await send(encoding.begin(identity))
      } else if (chunk.type === 'end') {
        await finish(events, encoding, identity, chunk, includeUsage)
        return
      } else await send(encoding.part(identity, chunk, counts[chunk.type]++))
    }
  } catch (error) {
    if (!events) throw error
    const { known, id } = logError(error, request)
    await send(openAiError(known, id))
    events.end()
  } finally {
    clearInterval(keepAlive)
  }
}

async function finish(
  events: EventStream | undefined,
  encoding: AnswerEncoding,
  identity: AnswerIdentity,
  chunk: EndChunk,
  includeUsage: boolean,
): Promise<void> {
  await events?.send(JSON.stringify(encoding.finish(identity, chunk)))
  if (includeUsage) await events?.send(JSON.stringify(encoding.usage(identity, chunk)))
  await events?.send('[DONE]')
  events?.end()
}

async function nextOf(chunks: AsyncIterator<InferChunk>): Promise<InferChunk> {
  const { value: chunk } = await chunks.next()
  if (!chunk) throw resourceError('engine-error', 'The answer ended without saying how. Send the request again.')
  return chunk
}

function identify({ idPrefix }: AnswerEncoding, { modelId }: Pick<InferReceipt, 'modelId'>): AnswerIdentity {
  return { id: `${idPrefix}${randomUUID()}`, createdAtMs: Date.now(), model: modelId }
}

function writeReceipt(reply: FastifyReply, receipt: InferReceipt): void {
  reply.header('X-Grym-Model', encodeURI(receipt.modelId))
  reply.header('X-Grym-Queue-Wait-Ms', Math.round(receipt.queueWaitMs))
  reply.header('X-Grym-Load-Ms', Math.round(receipt.loadMs))
  if (receipt.conversationId !== undefined) reply.header('X-Grym-Conversation', receipt.conversationId)
}
