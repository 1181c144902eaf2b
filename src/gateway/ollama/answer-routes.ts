import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { InferRequest } from '../../spec/admin.ts'
import { answer } from '../answer/answer.ts'
import type { Reception } from '../reception.ts'
import type { DecodedAnswer } from './answer-fields.ts'
import { type AnswerForm, ChatForm, GenerateForm } from './answer-form.ts'
import { changeResidence } from './change-residence.ts'
import { decodeChat } from './decode-chat.ts'
import { decodeGenerate } from './decode-generate.ts'
import { LineWriter } from './line-writer.ts'

/** `POST /api/chat` and `POST /api/generate`, streamed unless `stream: false`. Without a question they load and unload. */
export function addAnswerRoutes(app: FastifyInstance, reception: Reception): void {
  app.post('/api/chat', async (request, reply) => {
    const decoded = decodeChat(request.body)
    const form = new ChatForm()
    if (decoded.request.messages.length === 0) return changeResidence(reception, decoded, form, request, reply)
    const context = reception.context(request, decoded.said)
    return respond(reception, withContext(decoded, context), form, request, reply)
  })
  app.post('/api/generate', async (request, reply) => {
    const decoded = decodeGenerate(request.body)
    const form = new GenerateForm()
    if (decoded.isEmpty) return changeResidence(reception, decoded, form, request, reply)
    // Text that is continued is no conversation, and none is kept.
    const context = decoded.request.completion
      ? { wish: reception.wish(request, decoded.said.wish) }
      : reception.context(request, decoded.said)
    return respond(reception, withContext(decoded, context), form, request, reply)
  })
}

function withContext(
  { request, load }: DecodedAnswer,
  context: Pick<InferRequest, 'conversation' | 'wish'>,
): InferRequest {
  return { ...request, ...context, ...(load && { wish: { ...context.wish, ...load } }) }
}

async function respond(
  reception: Reception,
  asked: InferRequest,
  form: AnswerForm,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | void> {
  return answer({ reception, asked, writer: new LineWriter(form, asked.model) }, request, reply)
}
