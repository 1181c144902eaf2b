import type { FastifyInstance } from 'fastify'
import { answer } from '../answer/answer.ts'
import type { Reception } from '../reception.ts'
import { CompletionWriter } from './completion-writer.ts'
import { decodeCompletion } from './decode-completion.ts'
import { TextForm } from './text-form.ts'

/** `POST /v1/completions`: text that is continued, or a gap that is filled. It is no conversation, and none is kept. */
export function addCompletionsRoute(app: FastifyInstance, reception: Reception): void {
  app.post('/v1/completions', async (request, reply) => {
    const { request: decoded, includeUsage, echo, said } = decodeCompletion(request.body)
    const asked = { ...decoded, wish: reception.wish(request, said.wish) }
    return answer({ reception, asked, writer: new CompletionWriter(new TextForm(echo), includeUsage) }, request, reply)
  })
}
