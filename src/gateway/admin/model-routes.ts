import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { ManagerService } from '../../spec/admin.ts'
import { clientSignal } from '../client-signal.ts'
import { answerFields, decodeAnswerOptions } from '../openai/decode-answer-options.ts'
import { messageSchema, decodeMessage } from '../openai/decode-message.ts'
import { requestWish, wishFields } from '../request-wish.ts'
import { decode } from './decode-query.ts'

const model = z.string().nullish()
const bytes = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const modelBody = z.looseObject({ model })
const windowWords = 'must be a whole number of tokens, 1 or more'
const loadBody = z.looseObject({
  model,
  ...wishFields,
  num_ctx: z.number({ error: windowWords }).int(windowWords).min(1, windowWords).nullish(),
})
const pinBody = z.looseObject({ model, pinned: z.boolean().default(true) })
const allocationBody = z.looseObject({ model, requiredBytes: bytes, preferredBytes: bytes })
const countBody = z.looseObject({ ...answerFields, model, messages: z.array(messageSchema).max(10_000) })
const NAMED = 'Send {"model": "name"}.'

/** `GET /grym/v1/status`, and what is done to models by hand. */
export function addModelRoutes(app: FastifyInstance, manager: () => ManagerService): void {
  app.get('/grym/v1/status', async () => manager().status())
  app.post('/grym/v1/models/identify', async (request) => {
    const body = decode(modelBody, request.body, NAMED)
    return { modelId: await manager().identify(body.model ?? undefined) }
  })
  app.post('/grym/v1/models/about', async (request) => {
    const body = decode(modelBody, request.body, NAMED)
    return manager().about(body.model ?? undefined)
  })
  app.post('/grym/v1/models/load', async (request, reply) => {
    const body = decode(loadBody, request.body, NAMED)
    const kept = requestWish(body, request.headers)
    const contextTokens = body.num_ctx ?? undefined
    const wish = kept || contextTokens !== undefined ? { ...kept, ...(contextTokens && { contextTokens }) } : undefined
    return manager().load(body.model ?? undefined, clientSignal(reply), wish)
  })
  app.post('/grym/v1/models/unload', async (request, reply) => {
    const body = decode(modelBody, request.body, NAMED)
    return manager().unload(body.model ?? undefined, clientSignal(reply))
  })
  app.post('/grym/v1/models/free', async (_request, reply) => manager().freeAll(clientSignal(reply)))
  app.post('/grym/v1/models/pin', async (request) => {
    const body = decode(pinBody, request.body, 'Send {"model": "name", "pinned": true}.')
    await manager().pin(body.model ?? undefined, body.pinned)
    return { model: body.model ?? 'default', pinned: body.pinned }
  })
  app.post('/grym/v1/models/allocate', async (request, reply) => {
    const meant = 'Send {"model": "name", "requiredBytes": n, "preferredBytes": n}.'
    const { model: name, requiredBytes, preferredBytes } = decode(allocationBody, request.body, meant)
    await manager().allocate(name ?? undefined, { requiredBytes, preferredBytes }, clientSignal(reply))
    return { model: name ?? 'default', allocated: true }
  })
  app.post('/grym/v1/tokens/count', async (request, reply) => {
    const body = decode(countBody, request.body, 'Send {"model": "name", "messages": [{"role", "content"}, …]}.')
    const messages = body.messages.map(decodeMessage)
    return manager().countTokens(body.model ?? undefined, messages, clientSignal(reply), decodeAnswerOptions(body))
  })
}
