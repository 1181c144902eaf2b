import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { checkBody } from '../check-body.ts'
import { clientSignal } from '../client-signal.ts'
import type { Reception } from '../reception.ts'
import { wishFields } from '../request-wish.ts'

const MOST_INPUTS = 2_048
const text = z.string().min(1, 'must not be empty')
const allowed = `must be a text that is not empty, or 1 to ${MOST_INPUTS} of them; lists of token numbers are not served`
const embeddingsRequest = z.looseObject({
  ...wishFields,
  model: z.string().nullish(),
  input: z.union([text, z.array(text).min(1, allowed).max(MOST_INPUTS, allowed)], { error: allowed }),
  encoding_format: z.enum(['float', 'base64'], { error: 'must be float or base64' }).nullish(),
  dimensions: z.null({ error: 'is not served: a vector is as long as the model makes it' }).optional(),
})

/** `POST /v1/embeddings`. */
export function addEmbeddingsRoute(app: FastifyInstance, reception: Reception): void {
  app.post('/v1/embeddings', async (request, reply) => {
    const body = checkBody(embeddingsRequest, request.body)
    const inputs = typeof body.input === 'string' ? [body.input] : body.input
    const name = body.model ?? undefined
    const wish = reception.wish(request, body)
    const { modelId, vectors, promptTokens } = await reception.manager.embed(name, inputs, clientSignal(reply), wish)
    reply.header('X-Grym-Model', encodeURI(modelId))
    const encode = body.encoding_format === 'base64' ? base64 : (vector: readonly number[]): readonly number[] => vector
    return {
      object: 'list',
      data: vectors.map((vector, index) => ({ object: 'embedding', index, embedding: encode(vector) })),
      model: modelId,
      usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
    }
  })
}

/** Little-endian float32, as OpenAI's clients ask for it by default. */
function base64(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4)
  vector.forEach((value, index) => bytes.writeFloatLE(value, index * 4))
  return bytes.toString('base64')
}
