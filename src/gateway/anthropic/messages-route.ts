import type { FastifyInstance } from 'fastify'
import { answer } from '../answer/answer.ts'
import type { Reception } from '../reception.ts'
import { decodeRequest } from './decode-request.ts'
import { MessageWriter } from './message-writer.ts'

/** `POST /v1/messages`, whole and streamed. */
export function addMessagesRoute(app: FastifyInstance, reception: Reception): void {
  app.post('/v1/messages', async (request, reply) => {
    const { request: decoded, said, showsThinking } = decodeRequest(request.body)
    const asked = { ...decoded, ...reception.context(request, said) }
    return answer({ reception, asked, writer: new MessageWriter(showsThinking) }, request, reply)
  })
}
