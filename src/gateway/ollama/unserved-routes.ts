import type { FastifyInstance, RouteShorthandOptions } from 'fastify'
import { resourceError } from '../../spec/errors.ts'

const OWN_MODELS = 'Write an entry for it under models.entries in grym.yaml'
const COPY = `grym keeps one name a model. ${OWN_MODELS}: an alias is a second name.`
const CREATE = `grym makes no models. ${OWN_MODELS} (source, template, system prompt, sampling), or use \`ollama create\`.`
const PUSH = 'grym publishes no models; use `ollama push`.'
const BLOBS = 'grym takes no parts of models. Put a .gguf file into its folder of models, or use `grym pull`.'
const CLOUD = 'grym speaks to no account in the cloud; use Ollama itself for that.'

/** Calls of Ollama's API that grym does not do, each with the way out. */
export function addUnservedRoutes(app: FastifyInstance): void {
  app.post('/api/copy', refused(COPY), never)
  app.post('/api/create', refused(CREATE), never)
  app.post('/api/push', refused(PUSH), never)
  app.head('/api/blobs/:digest', refused(BLOBS), never)
  app.post('/api/blobs/:digest', refused(BLOBS), never)
  app.post('/api/me', refused(CLOUD), never)
  app.post('/api/signout', refused(CLOUD), never)
  app.delete('/api/user/keys/:key', refused(CLOUD), never)
}

/** Before a body is read, which may be a model. */
function refused(why: string): RouteShorthandOptions {
  return {
    onRequest: async () => {
      throw resourceError('not-implemented', why)
    },
  }
}

async function never(): Promise<void> {
  throw new Error('a refused route was answered')
}
