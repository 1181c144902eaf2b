import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { InferChunk, InferReceipt, ManagerService } from '../../spec/admin.ts'
import { resourceError } from '../../spec/errors.ts'
import type { OwnerId } from '../../spec/conversations.ts'
import { clientSignal } from '../client-signal.ts'
import { conversationWish } from '../conversation-wish.ts'
import { logError } from '../error-reply.ts'
import { EventStream } from '../event-stream.ts'
import { decodeChat, type DecodedChat } from './decode-chat.ts'
import { type AnswerIdentity, encodeCompletion, encodeDelta, encodeFinish, encodeUsageChunk } from './encode-chat.ts'
import { openAiError } from './encode-error.ts'

type EndChunk = Extract<InferChunk, { type: 'end' }>

export interface ChatRouteOptions {
  /** Are conversations of this owner kept? */
  readonly keeps: (owner: OwnerId) => boolean
  readonly keepAliveAfterMs: number
}

/** `POST /v1/chat/completions`, whole and streamed. */
export function addChatRoute(
  app: FastifyInstance,
  manager: () => ManagerService,
  { keeps, keepAliveAfterMs }: ChatRouteOptions,
): void {
  app.post('/v1/chat/completions', async (request, reply) => {
    const decoded = decodeChat(request.body)
    const conversation = conversationWish(request.headers, decoded.conversationId, keeps)
    const asked = { ...decoded.request, ...(conversation && { conversation }) }
    const chunks = manager().infer(asked, clientSignal(reply))[Symbol.asyncIterator]()
    if (decoded.request.isStreamed) return stream(chunks, decoded, request, reply, keepAliveAfterMs)
    return answerWhole(chunks, reply)
  })
}

async function answerWhole(chunks: AsyncIterator<InferChunk>, reply: FastifyReply): Promise<FastifyReply> {
  const texts: string[] = []
  for (;;) {
    const { value: chunk } = await chunks.next()
    if (!chunk) throw resourceError('engine-error', 'The answer ended without saying how. Send the request again.')
    if (chunk.type === 'text') texts.push(chunk.text)
    if (chunk.type !== 'end') continue
    writeReceipt(reply, chunk.receipt)
    reply.header('X-Grym-Cached-Tokens', chunk.usage.cachedTokens)
    return reply.send(encodeCompletion(identify(chunk.receipt), texts.join(''), chunk))
  }
}

/**
 * Status and headers wait for the first chunk, so that a failure before it is a proper error; only when the silence
 * lasts longer than a client's patience do they go out, followed by comments that keep the connection open. A failure
 * after that is an explicit error event, and no `[DONE]`.
 */
async function stream(
  chunks: AsyncIterator<InferChunk>,
  { includeUsage, request: { model } }: DecodedChat,
  request: FastifyRequest,
  reply: FastifyReply,
  keepAliveAfterMs: number,
): Promise<void> {
  let events: EventStream | undefined
  const keepAlive = setInterval(() => {
    events ??= new EventStream(reply)
    events.comment('waiting')
  }, keepAliveAfterMs)
  try {
    let identity = identify({ modelId: model ?? 'default' })
    for (;;) {
      const { value: chunk } = await chunks.next()
      keepAlive.refresh()
      if (!chunk) throw resourceError('engine-error', 'The answer ended without saying how. Send the request again.')
      if (chunk.type === 'start') {
        identity = identify(chunk.receipt)
        if (!events) writeReceipt(reply, chunk.receipt)
        events ??= new EventStream(reply)
        await events.send(JSON.stringify(encodeDelta(identity, { role: 'assistant', content: '' })))
      } else if (chunk.type === 'text') {
        await events?.send(JSON.stringify(encodeDelta(identity, { content: chunk.text })))
      } else {
        await finish(events, identity, chunk, includeUsage)
        return
      }
    }
  } catch (error) {
    if (!events) throw error
    const { known, id } = logError(error, request)
    await events.send(JSON.stringify(openAiError(known, id)))
    events.end()
  } finally {
    clearInterval(keepAlive)
  }
}

async function finish(
  events: EventStream | undefined,
  identity: AnswerIdentity,
  chunk: EndChunk,
  includeUsage: boolean,
): Promise<void> {
  await events?.send(JSON.stringify(encodeFinish(identity, chunk)))
  if (includeUsage) await events?.send(JSON.stringify(encodeUsageChunk(identity, chunk)))
  await events?.send('[DONE]')
  events?.end()
}

function identify({ modelId }: Pick<InferReceipt, 'modelId'>): AnswerIdentity {
  return { id: `chatcmpl-${randomUUID()}`, createdAtMs: Date.now(), model: modelId }
}

function writeReceipt(reply: FastifyReply, receipt: InferReceipt): void {
  reply.header('X-Grym-Model', encodeURI(receipt.modelId))
  reply.header('X-Grym-Queue-Wait-Ms', Math.round(receipt.queueWaitMs))
  reply.header('X-Grym-Load-Ms', Math.round(receipt.loadMs))
  if (receipt.conversationId !== undefined) reply.header('X-Grym-Conversation', receipt.conversationId)
}
