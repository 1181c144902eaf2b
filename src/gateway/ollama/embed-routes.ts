import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { EmbedReceipt } from '../../spec/admin.ts'
import { checkBody, invalid } from '../check-body.ts'
import { clientSignal } from '../client-signal.ts'
import type { Reception } from '../reception.ts'
import { type WishFields, wishFields } from '../request-wish.ts'
import { decodeOptions, optionsSchema, type RunnerOptions } from './decode-options.ts'
import { durationNs, withoutZeros } from './duration-ns.ts'
import { askedName, type NamedModel, nameFields } from './named-model.ts'

const MOST_INPUTS = 2_048
const inputWords = `invalid input type: must be a text, or at most ${MOST_INPUTS} texts that are not empty`
const text = z.string({ error: inputWords })
const common = { ...nameFields, ...wishFields, options: optionsSchema }
const embedRequest = z.looseObject({
  ...common,
  input: z
    .union([text, z.array(text.min(1, inputWords)).max(MOST_INPUTS, inputWords)], { error: inputWords })
    .nullish(),
  // What is too long is refused and never cut, whatever this says.
  truncate: z.boolean({ error: 'must be true or false' }).nullish(),
  dimensions: z.number().int().min(1).nullish(),
})
const embeddingsRequest = z.looseObject({ ...common, prompt: z.string({ error: 'must be a text' }).nullish() })

interface EmbedFields extends NamedModel, WishFields {
  readonly options?: RunnerOptions | null | undefined
}

/** `POST /api/embed`, and `POST /api/embeddings`, which it replaced. Without a text they load the model. */
export function addEmbedRoutes(app: FastifyInstance, reception: Reception): void {
  app.post('/api/embed', async (request, reply) => {
    const startedAtMs = performance.now()
    const body = checkBody(embedRequest, request.body)
    const inputs = typeof body.input === 'string' ? textsOf(body.input) : (body.input ?? [])
    const { modelId, vectors, promptTokens } = await embed(reception, body, inputs, request, reply)
    checkDimensions(body.dimensions, vectors)
    return {
      model: askedName(body) ?? modelId,
      embeddings: vectors,
      ...withoutZeros({
        total_duration: durationNs(performance.now() - startedAtMs),
        prompt_eval_count: promptTokens,
      }),
    }
  })
  app.post('/api/embeddings', async (request, reply) => {
    const body = checkBody(embeddingsRequest, request.body)
    const { vectors } = await embed(reception, body, textsOf(body.prompt ?? ''), request, reply)
    return { embedding: vectors[0] ?? [] }
  })
}

async function embed(
  reception: Reception,
  fields: EmbedFields,
  inputs: readonly string[],
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<EmbedReceipt> {
  const { manager } = reception
  const { load } = decodeOptions(fields.options)
  const said = reception.wish(request, fields)
  const wish = load ? { ...said, ...load } : said
  const [name, signal] = [askedName(fields), clientSignal(reply)]
  const receipt =
    inputs.length > 0
      ? await manager.embed(name, inputs, signal, wish)
      : { modelId: (await manager.load(name, signal, wish)).modelId, vectors: [], promptTokens: 0 }
  reply.header('X-Grym-Model', encodeURI(receipt.modelId))
  return receipt
}

function textsOf(input: string): readonly string[] {
  return input === '' ? [] : [input]
}

/** A vector is as long as the model makes it: a shorter one would have to be cut. Throws `invalid-request`. */
function checkDimensions(wanted: number | null | undefined, [vector]: EmbedReceipt['vectors']): void {
  if (wanted == null || !vector || vector.length === wanted) return
  const words = `dimensions: the vectors of this model have ${vector.length}; leave it out, or ask for that many.`
  throw invalid(words, 'dimensions')
}
