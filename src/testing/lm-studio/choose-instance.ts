import type { Body } from '../openai/request-fields.ts'
import type { Instance } from './instance.ts'
import type { FakeStudioModel } from './models.ts'
import { Refusal } from './refusal.ts'
import { type FakeStudio, LoadFailure } from './studio.ts'

/**
 * The instance that answers a request, loaded for it where that is allowed. Not always the model that was asked for: with
 * exactly one of its kind loaded, a name that nobody knows is answered by that one.
 */
export async function chooseInstance(studio: FakeStudio, body: Body, type: FakeStudioModel['type']): Promise<Instance> {
  const asked = typeof body['model'] === 'string' ? body['model'] : ''
  const sameKind = studio.loaded.filter(({ model }) => model.type === type)
  const named = sameKind.find(({ id }) => id === asked)
  if (named) return named
  const model = studio.modelOf(asked)
  const ofModel = sameKind.find((instance) => instance.model === model)
  if (ofModel) return ofModel
  if (model?.type === type && studio.knobs.isJit) return loadForRequest(studio, model, body['ttl'])
  const [only, ...more] = sameKind
  if (only && more.length === 0) {
    studio.counters.substitutions++
    return only
  }
  throw only || studio.knobs.isJit ? unknownModel(studio, asked) : nothingLoaded()
}

async function loadForRequest(studio: FakeStudio, model: FakeStudioModel, ttl: unknown): Promise<Instance> {
  const { jitLoads } = studio
  const other = studio.knobs.isJitRacing ? undefined : jitLoads.get(model.key)
  if (other) return other
  studio.evictOthers()
  // Seconds; whatever is no such number is taken and ignored.
  const ttlMs = typeof ttl === 'number' && ttl > 0 ? ttl * 1000 : studio.knobs.jitTtlMs
  const load = studio.load(model, { loadedBy: 'jit', ttlMs }).catch((error: unknown) => {
    if (!(error instanceof LoadFailure)) throw error
    throw new Refusal(400, { message: `Failed to load model "${model.key}". Error: ${error.message}` })
  })
  jitLoads.set(model.key, load)
  try {
    return await load
  } finally {
    jitLoads.delete(model.key)
  }
}

function unknownModel({ models }: FakeStudio, asked: string): Refusal {
  const known = models.map(({ key }) => key).join(', ')
  return new Refusal(400, {
    message: `Invalid model identifier "${asked}". Please specify a valid downloaded model (e.g., ${known}).`,
    type: 'invalid_request_error',
    param: 'model',
    code: 'model_not_found',
  })
}

function nothingLoaded(): Refusal {
  const message = "No models loaded. Please load a model in the developer page or use the 'lms load' command."
  return new Refusal(404, { message, type: 'invalid_request_error', param: 'model', code: null })
}
