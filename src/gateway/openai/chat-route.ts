import type { FastifyInstance } from 'fastify'
import { answer } from '../answer/answer.ts'
import type { Reception } from '../reception.ts'
import { ChatForm } from './chat-form.ts'
import { CompletionWriter } from './completion-writer.ts'
import { decodeChat } from './decode-chat.ts'

/** `POST /v1/chat/completions`, whole and streamed. */
export function addChatRoute(app: FastifyInstance, reception: Reception): void {
  app.post('/v1/chat/completions', async (request, reply) => {
    const { request: decoded, includeUsage, said, raw } = decodeChat(request.body)
    const isRelayed = request.headers['x-grym-relay'] !== '0'
    const asked = { ...decoded, ...reception.context(request, said), ...(isRelayed && { raw }) }
    const writer = new CompletionWriter(new ChatForm(), includeUsage)
    return answer({ reception, asked, writer }, request, reply)
  })
}
