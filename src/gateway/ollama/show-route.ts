import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { ManagerService } from '../../spec/admin.ts'
import type { ModelDescription } from '../../spec/status.ts'
import { checkBody } from '../check-body.ts'
import { encodeDetails } from './model-details.ts'
import { askedName, nameFields } from './named-model.ts'

const showRequest = z.looseObject({
  ...nameFields,
  // More of the same: the lists of tokens and tensors, which are not kept here.
  verbose: z.boolean({ error: 'must be true or false' }).nullish(),
})

/** `POST /api/show` of Ollama's API: editors read from it how long a model's window is and what it can do. */
export function addShowRoute(app: FastifyInstance, manager: () => ManagerService): void {
  app.post('/api/show', async (request) =>
    encodeShow(await manager().about(askedName(checkBody(showRequest, request.body)))),
  )
}

function encodeShow(about: ModelDescription): object {
  const { architecture, parameterCount, contextTokens, createdAtMs, chatTemplate, capabilities } = about
  const prefix = architecture ?? 'general'
  return {
    // Licences, system prompts and defaults of requests are not told of models here.
    license: '',
    modelfile: modelfile(about),
    parameters: `num_ctx                        ${contextTokens}`,
    // Jinja, not Go's template language.
    template: chatTemplate ?? '',
    system: '',
    details: encodeDetails(about),
    model_info: known({
      'general.architecture': architecture,
      'general.parameter_count': parameterCount,
      [`${prefix}.context_length`]: about.trainContextTokens,
      [`${prefix}.block_count`]: about.blockCount,
      [`${prefix}.embedding_length`]: about.embeddingLength,
      [`${prefix}.vocab_size`]: about.vocabularyTokens,
    }),
    capabilities,
    modified_at: new Date(createdAtMs).toISOString(),
  }
}

function modelfile({ id, contextTokens }: ModelDescription): string {
  return `# Made by grym; the chat template is Jinja and stands in the field template.\nFROM ${id}\nPARAMETER num_ctx ${contextTokens}\n`
}

/** Without what nobody knows. */
function known(info: Readonly<Record<string, string | number | null>>): object {
  return Object.fromEntries(Object.entries(info).filter(([, value]) => value !== null))
}
