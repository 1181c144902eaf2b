import { z } from 'zod'
import type { InferRequest } from '../../spec/admin.ts'
import type { SamplingOptions } from '../../spec/chat.ts'

const MAX_STOPS = 16
const MAX_STOP_CHARACTERS = 1_000

const optionalNumber = (least: number, most: number): z.ZodType<number | null | undefined> =>
  z.number().min(least).max(most).nullish()
const optionalCount = (least: number): z.ZodType<number | null | undefined> =>
  z.number().int().min(least).max(Number.MAX_SAFE_INTEGER).nullish()
const stopText = z.string().max(MAX_STOP_CHARACTERS)

/** What every request for an answer may say, chat or text. */
export interface RequestFields {
  readonly model?: string | null | undefined
  readonly stream?: boolean | null | undefined
  readonly stream_options?: { readonly include_usage?: boolean | undefined } | null | undefined
  readonly max_tokens?: number | null | undefined
  readonly temperature?: number | null | undefined
  readonly top_p?: number | null | undefined
  readonly top_k?: number | null | undefined
  readonly min_p?: number | null | undefined
  readonly seed?: number | null | undefined
  readonly repeat_penalty?: number | null | undefined
  readonly frequency_penalty?: number | null | undefined
  readonly presence_penalty?: number | null | undefined
  readonly stop?: string | readonly string[] | null | undefined
  readonly n?: 1 | null | undefined
  /** Empty. */
  readonly logit_bias?: object | null | undefined
}

/** A check for each field, for a schema to be put together from. */
export type FieldChecks<Fields> = { readonly [Name in keyof Fields]-?: z.ZodType<Fields[Name]> }

/** {@link RequestFields} to be checked, with their limits. */
export const requestFields: FieldChecks<RequestFields> = {
  model: z.string().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  max_tokens: optionalCount(1),
  temperature: optionalNumber(0, 2),
  top_p: optionalNumber(0, 1),
  top_k: optionalCount(0),
  min_p: optionalNumber(0, 1),
  seed: z.number().int().nullish(),
  repeat_penalty: optionalNumber(0, 10),
  frequency_penalty: optionalNumber(-2, 2),
  presence_penalty: optionalNumber(-2, 2),
  stop: z.union([stopText, z.array(stopText).max(MAX_STOPS)]).nullish(),
  n: z.literal(1, { error: 'must be 1: one answer a request' }).nullish(),
  logit_bias: z
    .record(z.string(), z.unknown())
    .refine(
      (biases) => Object.keys(biases).length === 0,
      'must be empty: token numbers mean another token in each model',
    )
    .nullish(),
}

/** The part of the request that these fields make. */
export function decodeFields(
  fields: RequestFields,
): Pick<InferRequest, 'model' | 'sampling' | 'stop' | 'isStreamed' | 'maxTokens'> {
  const { model, stop, stream, max_tokens: maxTokens } = fields
  return {
    model: model ?? undefined,
    sampling: decodeSampling(fields),
    stop: typeof stop === 'string' ? [stop] : (stop ?? []),
    isStreamed: stream ?? false,
    ...(maxTokens != null && { maxTokens }),
  }
}

function decodeSampling(fields: RequestFields): SamplingOptions {
  const pairs: [keyof SamplingOptions, number | null | undefined][] = [
    ['temperature', fields.temperature],
    ['topK', fields.top_k],
    ['topP', fields.top_p],
    ['minP', fields.min_p],
    ['seed', fields.seed],
    ['repeatPenalty', fields.repeat_penalty],
    ['frequencyPenalty', fields.frequency_penalty],
    ['presencePenalty', fields.presence_penalty],
  ]
  return Object.fromEntries(pairs.filter(([, value]) => value != null))
}
