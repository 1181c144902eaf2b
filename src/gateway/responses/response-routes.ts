import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { InferReceipt, InferRequest } from '../../spec/admin.ts'
import type { ChatMessage } from '../../spec/chat.ts'
import { answer } from '../answer/answer.ts'
import { checkBody, invalid } from '../check-body.ts'
import { ownerOf } from '../conversation-wish.ts'
import { logError } from '../error-reply.ts'
import type { Reception } from '../reception.ts'
import { decodeItems } from './decode-items.ts'
import { decodeResponse } from './decode-response.ts'
import { EarlierResponses } from './earlier-responses.ts'
import { MOST_ITEMS, withIds } from './input-item.ts'
import { newResponseId } from './response-ids.ts'
import { ResponseWriter } from './response-writer.ts'

const MOST_LISTED = 100
const listQuery = z.looseObject({
  limit: z.coerce.number().int().min(1).max(MOST_LISTED).default(20),
  order: z.enum(['asc', 'desc'], { error: 'must be asc or desc' }).default('desc'),
  after: z.string().optional(),
})

type WithId = { Params: { id: string } }

/** `POST /v1/responses`, whole and streamed, and what was kept of it. */
export function addResponseRoutes(app: FastifyInstance, reception: Reception): void {
  app.post('/v1/responses', async (request, reply) => {
    const { request: decoded, isStored, said, asked, ...rest } = decodeResponse(request.body)
    const context = reception.context(request, said)
    const earlier = earlierOf(request, reception)
    const id = newResponseId()
    const before = earlier.itemsUpTo(rest.previousId)
    const input = withIds(earlier.resolve(rest.input), id)
    const items = [...before, ...input]
    if (items.length > MOST_ITEMS) {
      throw invalid(
        `input: with the earlier responses there are ${items.length} items; ${MOST_ITEMS} are allowed.`,
        'input',
      )
    }
    const instructions: ChatMessage[] =
      rest.instructions === undefined ? [] : [{ role: 'system', content: rest.instructions }]
    const inferred: InferRequest = {
      ...decoded,
      messages: [...instructions, ...decodeItems(items, before.length)],
      wish: context.wish,
      // `store: false` is a wish that nothing of the request stays here, its conversation neither.
      conversation: isStored ? context.conversation : undefined,
    }
    const { conversation } = inferred
    const previousId = rest.previousId ?? null
    const keep = (response: object, { conversationId }: InferReceipt): boolean => {
      if (!conversation || conversationId === undefined) return false
      const { owner } = conversation
      try {
        const atMs = Date.now()
        return reception.services().responses.keep({ id, previousId, owner, conversationId, input, response, atMs })
      } catch (error) {
        // A full disk is no reason to refuse an answer that is there; the response says that it is not stored.
        logError(error, request)
        return false
      }
    }
    const writer = new ResponseWriter({ id, asked, ...(conversation && { keep }) })
    return answer({ reception, asked: inferred, writer }, request, reply)
  })

  app.get<WithId>('/v1/responses/:id', async (request) => {
    if ((request.query as Readonly<Record<string, unknown>>)['stream'] === 'true') {
      throw invalid('stream: an answer that was given is not streamed again. Ask for it without stream.', 'stream')
    }
    return earlierOf(request, reception).find(request.params.id).response
  })

  app.delete<WithId>('/v1/responses/:id', async (request) => {
    const { id } = request.params
    earlierOf(request, reception).delete(id)
    return { id, object: 'response', deleted: true }
  })

  app.get<WithId>('/v1/responses/:id/input_items', async (request) => {
    const { limit, order, after } = checkBody(listQuery, request.query)
    const { input } = earlierOf(request, reception).find(request.params.id)
    const ordered = order === 'asc' ? input : input.toReversed()
    const start = after === undefined ? 0 : ordered.findIndex((item) => idOf(item) === after) + 1
    // From the beginning again would send a client that reads to the end round in circles.
    if (after !== undefined && start === 0) {
      throw invalid(`after: '${after.slice(0, 100)}' is none of the items. Begin again without it.`, 'after')
    }
    const data = ordered.slice(start, start + limit)
    const [first, last] = [data[0], data.at(-1)]
    return {
      object: 'list',
      data,
      first_id: first ? idOf(first) : null,
      last_id: last ? idOf(last) : null,
      has_more: start + limit < ordered.length,
    }
  })
}

function earlierOf(request: FastifyRequest, reception: Reception): EarlierResponses {
  const isKeeping = reception.context(request, { wish: {} }).conversation !== undefined
  return new EarlierResponses(reception.services().responses, ownerOf(request.headers), isKeeping)
}

function idOf(item: object): string {
  return String((item as { readonly id?: unknown }).id)
}
