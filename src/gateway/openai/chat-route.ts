import type { FastifyInstance } from 'fastify'
import type { ManagerService } from '../../spec/admin.ts'
import type { OwnerId } from '../../spec/conversations.ts'
import { conversationWish } from '../conversation-wish.ts'
import { answer } from './answer.ts'
import { decodeChat } from './decode-chat.ts'
import { CHAT_ENCODING } from './encode-chat.ts'

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
    const { request: decoded, includeUsage, conversationId } = decodeChat(request.body)
    const conversation = conversationWish(request.headers, conversationId, keeps)
    const asked = { ...decoded, ...(conversation && { conversation }) }
    const options = { manager: manager(), asked, encoding: CHAT_ENCODING, includeUsage, keepAliveAfterMs }
    return answer(options, request, reply)
  })
}
