import { pause } from '../time/pause.ts'
import type { Body } from '../openai/request-fields.ts'
import { configReply, readLoadRequest, readUnloadRequest } from './load-config.ts'
import { Refusal } from './refusal.ts'
import type { Reply } from './reply.ts'
import { type FakeStudio, LoadFailure } from './studio.ts'

/** `POST /api/v1/models/load`: answers when it is loaded; asked again it loads again. */
export async function loadRoute(studio: FakeStudio, body: Body): Promise<Reply> {
  const { key, contextTokens, rest, isConfigEchoed } = readLoadRequest(body)
  const model = studio.models.find((each) => each.key === key)
  if (!model) throw notFound(`Invalid model identifier "${key}"`)
  const startMs = studio.clock.nowMs()
  try {
    const instance = await studio.load(model, { loadedBy: 'api', ttlMs: Infinity, contextTokens, rest })
    const { id, config, pool } = instance
    return {
      form: 'whole',
      body: {
        type: model.type,
        instance_id: id,
        load_time_seconds: (studio.clock.nowMs() - startMs) / 1000,
        status: 'loaded',
        ...(isConfigEchoed && { load_config: configReply(model, config, pool.slots.length) }),
      },
    }
  } catch (error) {
    if (!(error instanceof LoadFailure)) throw error
    const message = `Failed to load model "${key}". Error: ${error.message}`
    throw new Refusal(studio.knobs.loadFailureStatus, { type: 'model_load_failed', message })
  }
}

/** `POST /api/v1/models/unload`, by the instance. How it answers for one that is not there is not known of the real one. */
export async function unloadRoute(studio: FakeStudio, body: Body, left: AbortSignal): Promise<Reply> {
  const id = readUnloadRequest(body)
  const instance = studio.instance(id)
  if (!instance) throw notFound(`Model instance "${id}" is not loaded`)
  await pause(studio.clock, studio.knobs.unloadDelayMs, left)
  studio.unload(instance)
  return { form: 'whole', body: { instance_id: id } }
}

function notFound(message: string): Refusal {
  return new Refusal(404, { type: 'model_not_found', message, code: 'model_not_found', param: 'model' })
}
