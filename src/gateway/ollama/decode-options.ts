import { z } from 'zod'
import type { InferRequest } from '../../spec/admin.ts'
import type { SamplingOptions } from '../../spec/chat.ts'
import type { ModelWish } from '../../spec/model-wish.ts'

const MAX_STOPS = 16
const MAX_STOP_CHARACTERS = 1_000
const MOST_CONTEXT_TOKENS = 16_777_216

/** The part of Ollama's `options` that has an effect here. */
export interface RunnerOptions {
  readonly temperature?: number | null | undefined
  readonly top_k?: number | null | undefined
  readonly top_p?: number | null | undefined
  readonly min_p?: number | null | undefined
  readonly seed?: number | null | undefined
  readonly repeat_penalty?: number | null | undefined
  readonly presence_penalty?: number | null | undefined
  readonly frequency_penalty?: number | null | undefined
  readonly num_predict?: number | null | undefined
  readonly num_ctx?: number | null | undefined
  readonly num_batch?: number | null | undefined
  readonly stop?: readonly string[] | null | undefined
}

type Checked = z.ZodType<number | null | undefined>

const float = (name: string, least: number, most: number): Checked => {
  const range = `option "${name}" must be from ${least} to ${most}`
  return z
    .number({ error: `option "${name}" must be of type float32` })
    .min(least, range)
    .max(most, range)
    .nullish()
}
const integer = (name: string, least: number, most: number = Number.MAX_SAFE_INTEGER): Checked => {
  const type = `option "${name}" must be of type integer`
  const range = `option "${name}" must be from ${least} to ${most}`
  return z.number({ error: type }).int(type).min(least, range).max(most, range).nullish()
}
const anyInteger = (name: string): Checked => integer(name, Number.MIN_SAFE_INTEGER)
const stops = 'option "stop" must be of type array: '
const manyStops = `${stops}at most ${MAX_STOPS} texts`
const longStop = `${stops}each text of at most ${MAX_STOP_CHARACTERS} characters`

const shape = z.looseObject({
  temperature: float('temperature', 0, 2),
  top_k: anyInteger('top_k'),
  top_p: float('top_p', 0, 1),
  min_p: float('min_p', 0, 1),
  seed: anyInteger('seed'),
  repeat_penalty: float('repeat_penalty', 0, 10),
  presence_penalty: float('presence_penalty', -2, 2),
  frequency_penalty: float('frequency_penalty', -2, 2),
  num_predict: integer('num_predict', -2),
  num_ctx: integer('num_ctx', 1, MOST_CONTEXT_TOKENS),
  stop: z
    .array(z.string({ error: `${stops}of texts` }).max(MAX_STOP_CHARACTERS, longStop), { error: `${stops}of texts` })
    .max(MAX_STOPS, manyStops)
    .nullish(),
  // How a model is run on this machine is grym's to decide; these are checked as Ollama checks them and load nothing anew.
  num_batch: anyInteger('num_batch'),
  num_gpu: anyInteger('num_gpu'),
  main_gpu: anyInteger('main_gpu'),
  num_thread: anyInteger('num_thread'),
  use_mmap: z.boolean({ error: 'option "use_mmap" must be of type boolean' }).nullish(),
  // No engine of grym's takes these.
  num_keep: anyInteger('num_keep'),
  repeat_last_n: anyInteger('repeat_last_n'),
  typical_p: float('typical_p', 0, 1),
})

/** {@link RunnerOptions} to be checked, in the words that Ollama refuses a type with. Unknown options are accepted, as there. */
export const optionsSchema: z.ZodType<RunnerOptions | null | undefined> = shape.nullish()

export interface DecodedOptions extends Pick<InferRequest, 'sampling' | 'stop' | 'maxTokens'> {
  /** `num_ctx` and `num_batch`: what a model is wished to be loaded with; absent = neither is named. */
  readonly load?: LoadWish
}

export type LoadWish = Pick<ModelWish, 'contextTokens' | 'batchTokens'>

export function decodeOptions(options: RunnerOptions | null | undefined): DecodedOptions {
  const { num_predict: most, num_ctx: contextTokens, num_batch: batchTokens, stop } = options ?? {}
  const load: LoadWish = {
    ...(contextTokens != null && { contextTokens }),
    // Nothing is evaluated in batches of none.
    ...(batchTokens != null && batchTokens > 0 && { batchTokens }),
  }
  return {
    sampling: decodeSampling(options ?? {}),
    stop: stop ?? [],
    // −1 and −2 are "until it ends", and so is 0 there.
    ...(most != null && most > 0 && { maxTokens: most }),
    ...(Object.keys(load).length > 0 && { load }),
  }
}

function decodeSampling(options: RunnerOptions): SamplingOptions {
  const pairs: [keyof SamplingOptions, number | null | undefined][] = [
    ['temperature', options.temperature],
    // Nothing is left out by 0 and by everything below.
    ['topK', options.top_k == null ? undefined : Math.max(0, options.top_k)],
    ['topP', options.top_p],
    ['minP', options.min_p],
    // −1 is another one each time, which is what no seed means.
    ['seed', options.seed === -1 ? undefined : options.seed],
    ['repeatPenalty', options.repeat_penalty],
    ['presencePenalty', options.presence_penalty],
    ['frequencyPenalty', options.frequency_penalty],
  ]
  return Object.fromEntries(pairs.filter(([, value]) => value != null))
}
