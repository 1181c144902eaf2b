import type { Instance } from './instance.ts'
import { configReply } from './load-config.ts'
import type { FakeStudioModel } from './models.ts'
import type { FakeStudio } from './studio.ts'

type Json = Record<string, unknown>

/** `GET /api/v1/models`: all that is on disk; what is loaded has instances. */
export function modelsReply(studio: FakeStudio): Json {
  return { models: studio.models.map((model) => modelRow(studio, model)) }
}

/** `GET /api/v0/models`. */
export function oldModelsReply(studio: FakeStudio): Json {
  return { object: 'list', data: studio.models.map((model) => oldModelRow(studio, model)) }
}

/** `GET /api/v0/models/{id}`. */
export function oldModelRow(studio: FakeStudio, model: FakeStudioModel): Json {
  const instance = studio.loaded.find((each) => each.model === model)
  return {
    id: model.key,
    object: 'model',
    type: model.type === 'embedding' ? 'embeddings' : model.isVision ? 'vlm' : 'llm',
    publisher: model.publisher,
    arch: model.architecture,
    compatibility_type: model.format,
    quantization: model.quantization.name,
    state: instance ? 'loaded' : 'not-loaded',
    max_context_length: model.maxContextTokens,
    ...(instance && { loaded_context_length: instance.config.contextTokens }),
    ...(model.isToolUse && { capabilities: ['tool_use'] }),
  }
}

/** `GET /v1/models`: what a request may ask for: everything, or with JIT off only what is loaded. */
export function openAiModelsReply(studio: FakeStudio): Json {
  const ids = studio.knobs.isJit ? studio.models.map(({ key }) => key) : studio.loaded.map(({ id }) => id)
  return { data: ids.map((id) => ({ id, object: 'model', owned_by: 'organization_owner' })), object: 'list' }
}

function modelRow(studio: FakeStudio, model: FakeStudioModel): Json {
  const instances = studio.loaded.filter((each) => each.model === model)
  const row = {
    type: model.type,
    publisher: model.publisher,
    key: model.key,
    display_name: model.displayName,
    ...(model.type === 'llm' && { architecture: model.architecture }),
    quantization: { name: model.quantization.name, bits_per_weight: model.quantization.bitsPerWeight },
    size_bytes: model.sizeBytes,
    params_string: model.paramsString,
    loaded_instances: instances.map(({ id, config, pool }: Instance) => ({
      id,
      config: configReply(model, config, pool.slots.length),
    })),
    max_context_length: model.maxContextTokens,
    format: model.format,
  }
  if (model.type === 'embedding') return row
  const variant = `${model.key}@${model.quantization.name.toLowerCase()}`
  return {
    ...row,
    capabilities: { vision: model.isVision, trained_for_tool_use: model.isToolUse },
    description: null,
    variants: [variant],
    selected_variant: variant,
  }
}
