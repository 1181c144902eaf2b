import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { ManagerService } from '../../spec/admin.ts'
import type { ModelDescription } from '../../spec/status.ts'
import { decode } from '../admin/decode-query.ts'

const showRequest = z.looseObject({ model: z.string().optional(), name: z.string().optional() })

/**
 * `POST /api/show` of Ollama's API: editors read from it how long a model's window is and what it can do. `vision` is never
 * among its capabilities: the embedded engine has none.
 */
export function addShowRoute(app: FastifyInstance, manager: () => ManagerService): void {
  app.post('/api/show', async (request) => {
    const { model, name } = decode(showRequest, request.body, 'Send {"model": "name"}.')
    return encodeShow(await manager().about(model ?? name))
  })
}

function encodeShow(about: ModelDescription): object {
  const { architecture, parameterCount, quantization, contextTokens, createdAtMs, chatTemplate, capabilities } = about
  return {
    license: '',
    modelfile: '',
    parameters: `num_ctx ${contextTokens}`,
    template: chatTemplate ?? '',
    details: {
      parent_model: '',
      format: 'gguf',
      family: architecture ?? '',
      families: architecture === null ? [] : [architecture],
      parameter_size: parameterCount === null ? '' : parameterSize(parameterCount),
      quantization_level: quantization ?? '',
    },
    model_info: known({
      'general.architecture': architecture,
      'general.parameter_count': parameterCount,
      [`${architecture ?? 'general'}.context_length`]: about.trainContextTokens,
      [`${architecture ?? 'general'}.block_count`]: about.blockCount,
      [`${architecture ?? 'general'}.vocab_size`]: about.vocabularyTokens,
    }),
    capabilities,
    modified_at: new Date(createdAtMs).toISOString(),
  }
}

/** Without what nobody knows. */
function known(info: Readonly<Record<string, string | number | null>>): object {
  return Object.fromEntries(Object.entries(info).filter(([, value]) => value !== null))
}

/** `134.5M`, `8.0B`, as Ollama writes them. */
function parameterSize(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)}B` : `${(count / 1e6).toFixed(1)}M`
}
