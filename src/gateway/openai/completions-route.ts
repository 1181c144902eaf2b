import type { FastifyInstance } from 'fastify'
import type { ManagerService } from '../../spec/admin.ts'
import { answer } from './answer.ts'
import { decodeCompletion } from './decode-completion.ts'
import { completionEncoding } from './encode-completion.ts'

/** `POST /v1/completions`: text that is continued, or a gap that is filled. It is no conversation, and none is kept. */
export function addCompletionsRoute(
  app: FastifyInstance,
  manager: () => ManagerService,
  { keepAliveAfterMs }: { readonly keepAliveAfterMs: number },
): void {
  app.post('/v1/completions', async (request, reply) => {
    const { request: asked, includeUsage, echo } = decodeCompletion(request.body)
    const encoding = completionEncoding(echo)
    return answer({ manager: manager(), asked, encoding, includeUsage, keepAliveAfterMs }, request, reply)
  })
}
