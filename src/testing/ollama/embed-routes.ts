import { unitVector } from '../answering/unit-vector.ts'
import { checkLocal } from './capabilities.ts'
import type { FakeEngine } from './engine.ts'
import type { Lease } from './scheduler.ts'
import { withoutZeros } from './answer-replies.ts'
import { shortName } from './models.ts'
import { fittedInput } from './prompt.ts'
import { Refusal } from './refusal.ts'
import { type Reply, whole } from './reply.ts'

type Body = Readonly<Record<string, unknown>>

/** `POST /api/embed`: vectors of length 1, the same for the same text. No input loads the model and answers none. */
export async function* embedRoute(engine: FakeEngine, body: Body, signal: AbortSignal): Reply {
  const startMs = engine.clock.nowMs()
  const asked = (body['model'] as string | undefined) ?? ''
  const inputs = readInputs(body['input'])
  const model = engine.store.find(asked)
  checkLocal(model)
  const { lease } = await engine.acquire(model, body, signal)
  const loadMs = engine.clock.nowMs() - startMs
  try {
    failIfAsked(engine, lease)
    if (inputs.length === 0) {
      yield whole({ model: asked, embeddings: [] })
      return
    }
    const { numCtxTokens } = lease.runner.signature.options
    const tokens = inputs.map((input) => fittedInput(input, numCtxTokens, body['truncate'] !== false))
    const wanted = (body['dimensions'] as number | undefined) ?? 0
    const length = wanted > 0 ? Math.min(wanted, model.embeddingLength) : model.embeddingLength
    yield whole({
      model: asked,
      embeddings: tokens.map((each) => unitVector(each.join(''), length)),
      ...withoutZeros({
        total_duration: Math.round((engine.clock.nowMs() - startMs) * 1e6),
        load_duration: Math.round(loadMs * 1e6),
        prompt_eval_count: tokens.reduce((sum, each) => sum + each.length, 0),
      }),
    })
  } finally {
    lease.release()
  }
}

/** `POST /api/embeddings`, the older form: one text, one vector. */
export async function* embeddingsRoute(engine: FakeEngine, body: Body, signal: AbortSignal): Reply {
  const model = engine.store.find((body['model'] as string | undefined) ?? '')
  checkLocal(model)
  const { lease } = await engine.acquire(model, body, signal)
  try {
    failIfAsked(engine, lease)
    const prompt = (body['prompt'] as string | undefined) ?? ''
    yield whole({ embedding: prompt === '' ? [] : unitVector(prompt, model.embeddingLength) })
  } finally {
    lease.release()
  }
}

function failIfAsked({ knobs }: FakeEngine, { runner }: Lease): void {
  const failure = knobs.runFailures.get(shortName(runner.model.name))
  if (failure) throw new Refusal(500, failure.text)
}

/** A text or texts; an empty text alone is no input. */
function readInputs(input: unknown): readonly string[] {
  if (input === undefined || input === '') return []
  const inputs = Array.isArray(input) ? (input as unknown[]) : [input]
  if (!inputs.every((each) => typeof each === 'string')) throw new Refusal(400, 'invalid input type')
  return inputs
}
