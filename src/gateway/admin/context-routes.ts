import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { ContextService } from '../../spec/contexts.ts'
import { decode } from './decode-query.ts'

const MEANT = 'Send {"model": "name"}, and what the call needs beside it.'
const body = z.looseObject({
  model: z.string().min(1).max(256),
  limits: z.unknown().optional(),
  message: z.unknown().optional(),
})

/**
 * Contexts that a program keeps by hand under a model's name. Limits and messages are checked by what keeps them, so
 * that a program hears the same words as one in the same process.
 */
export function addContextRoutes(app: FastifyInstance, contexts: () => ContextService): void {
  app.post('/grym/v1/contexts/initialize', async (request) => {
    const { model, limits } = decode(body, request.body, MEANT)
    return contexts().initialize(model, limits)
  })
  app.post('/grym/v1/contexts/get', async (request) => {
    const { model } = decode(body, request.body, MEANT)
    return { context: (await contexts().get(model)) ?? null }
  })
  app.post('/grym/v1/contexts/add', async (request) => {
    const { model, message } = decode(body, request.body, MEANT)
    return contexts().addMessage(model, message)
  })
  app.post('/grym/v1/contexts/remove', async (request) => {
    const { model } = decode(body, request.body, MEANT)
    await contexts().remove(model)
    return { model, removed: true }
  })
}
