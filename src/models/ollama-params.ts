import { z } from 'zod'
import { asRecord, parsedJson } from '../spec/json-narrowing.ts'
import type { ModelEntrySettings } from '../spec/model-entry.ts'

const MAX_STOPS = 16

/** Ollama's names of options, with the values that an entry of `grym.yaml` could have; any other value is as if unset. */
const params = z.object({
  temperature: z.number().min(0).max(2).optional().catch(undefined),
  top_p: z.number().gt(0).max(1).optional().catch(undefined),
  top_k: z.int().min(0).max(1_000_000).optional().catch(undefined),
  min_p: z.number().min(0).max(1).optional().catch(undefined),
  // −1 is "another one each time", which is what no seed means.
  seed: z.int().min(0).max(4_294_967_295).optional().catch(undefined),
  repeat_penalty: z.number().gt(0).max(10).optional().catch(undefined),
  frequency_penalty: z.number().min(-2).max(2).optional().catch(undefined),
  presence_penalty: z.number().min(-2).max(2).optional().catch(undefined),
  // −1 and −2 are "until it ends".
  num_predict: z.int().min(1).max(16_777_216).optional().catch(undefined),
  num_ctx: z.int().min(256).max(16_777_216).optional().catch(undefined),
  stop: z.array(z.string().min(1)).optional().catch(undefined),
})

/**
 * What the `params` layers of a model of Ollama's set, in the order of the layers: later ones win. Options that grym
 * does not have are passed over. `undefined` = one of them is no JSON object.
 */
export function ollamaParams(texts: readonly string[]): ModelEntrySettings | undefined {
  const layers = texts.map((text) => asRecord(parsedJson(text)))
  if (layers.includes(undefined)) return undefined
  const read = params.parse(Object.assign({}, ...layers))
  const sampling = given({
    temperature: read.temperature,
    topP: read.top_p,
    topK: read.top_k,
    minP: read.min_p,
    seed: read.seed,
    repeatPenalty: read.repeat_penalty,
    frequencyPenalty: read.frequency_penalty,
    presencePenalty: read.presence_penalty,
  })
  return given({
    contextTokens: read.num_ctx,
    maxTokens: read.num_predict,
    stop: read.stop && read.stop.length > 0 ? read.stop.slice(0, MAX_STOPS) : undefined,
    sampling: Object.keys(sampling).length > 0 ? sampling : undefined,
  })
}

type Given<Values> = { readonly [Key in keyof Values]?: Exclude<Values[Key], undefined> }

/** What is not `undefined`. */
function given<Values extends object>(values: Values): Given<Values> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<Values>
}
