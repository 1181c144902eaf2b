import type { FastifyInstance } from 'fastify'
import { clientSignal } from '../client-signal.ts'
import type { Reception } from '../reception.ts'
import { decodeCountRequest } from './decode-request.ts'

/**
 * `POST /v1/messages/count_tokens`: tokens of the prompt that the same body would be answered from, tools included. The header
 * `X-Grym-Token-Count` says `exact` or `estimated`.
 */
export function addCountTokensRoute(app: FastifyInstance, reception: Reception): void {
  app.post('/v1/messages/count_tokens', async (request, reply) => {
    const { model, messages, ...options } = decodeCountRequest(request.body).request
    const { tokens, source } = await reception.manager.countTokens(model, messages, clientSignal(reply), {
      ...(options.tools && { tools: options.tools }),
      ...(options.toolChoice !== undefined && { toolChoice: options.toolChoice }),
      ...(options.thinking !== undefined && { thinking: options.thinking }),
    })
    reply.header('X-Grym-Token-Count', source)
    return { input_tokens: tokens }
  })
}
