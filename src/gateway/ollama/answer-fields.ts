import { z } from 'zod'
import type { InferRequest } from '../../spec/admin.ts'
import type { AnswerFormat, AnswerOptions } from '../../spec/chat.ts'
import { MAX_TOP_LOGPROBS } from '../../spec/tool-limits.ts'
import type { SaidInBody } from '../reception.ts'
import { type WishFields, wishFields } from '../request-wish.ts'
import { decodeOptions, type LoadWish, optionsSchema, type RunnerOptions } from './decode-options.ts'
import { askedName, type NamedModel, nameFields } from './named-model.ts'

type SentFormat = '' | 'json' | Readonly<Record<string, unknown>>
const EFFORTS = ['low', 'medium', 'high', 'max'] as const
type SentThinking = boolean | (typeof EFFORTS)[number]

/** What chat and generate requests have in common. */
export interface AnswerFields extends NamedModel, WishFields {
  readonly stream?: boolean | null | undefined
  readonly format?: SentFormat | null | undefined
  readonly think?: SentThinking | null | undefined
  readonly options?: RunnerOptions | null | undefined
  readonly logprobs?: boolean | null | undefined
  readonly top_logprobs?: number | null | undefined
  readonly truncate?: boolean | null | undefined
  readonly shift?: boolean | null | undefined
}

const topWords = `top_logprobs must be between 0 and ${MAX_TOP_LOGPROBS}`
const flag: z.ZodType<boolean | null | undefined> = z.boolean({ error: 'must be true or false' }).nullish()

/** {@link AnswerFields} to be checked, with their limits. */
export const answerFields: { readonly [Name in keyof AnswerFields]-?: z.ZodType<AnswerFields[Name]> } = {
  ...nameFields,
  ...wishFields,
  stream: flag,
  format: z
    .union([z.enum(['', 'json']), z.record(z.string(), z.unknown())], { error: 'must be "json" or a JSON schema' })
    .nullish(),
  think: z.union([z.boolean(), z.enum(EFFORTS)], { error: `must be true, false, ${EFFORTS.join(', ')}` }).nullish(),
  options: optionsSchema,
  logprobs: flag,
  top_logprobs: z.number({ error: topWords }).int(topWords).min(0, topWords).max(MAX_TOP_LOGPROBS, topWords).nullish(),
  // What is too long is refused and never cut, whatever these say.
  truncate: flag,
  shift: flag,
}

/** What every request for an answer makes of {@link AnswerFields}. */
export interface DecodedAnswer {
  readonly request: InferRequest
  readonly said: SaidInBody
  readonly load: LoadWish | undefined
}

/** @param own what the request asks, in its own form. */
export function decodeAnswer(
  fields: AnswerFields,
  own: Pick<InferRequest, 'messages' | 'completion' | 'tools'>,
): DecodedAnswer {
  const { load, ...options } = decodeOptions(fields.options)
  return {
    request: {
      model: askedName(fields),
      // A stream unless it is said otherwise.
      isStreamed: fields.stream ?? true,
      ...own,
      ...options,
      ...decodeForm(fields),
    },
    said: { wish: fields },
    load,
  }
}

/** Templates know on and off only; any effort is on. */
function decodeForm({ format: sent, think, logprobs, top_logprobs: top }: AnswerFields): AnswerOptions {
  const format = decodeFormat(sent)
  return {
    ...(format && { format }),
    ...(think != null && { thinking: think !== false }),
    ...(logprobs && { topLogprobs: top ?? 0 }),
  }
}

function decodeFormat(format: AnswerFields['format']): AnswerFormat | undefined {
  if (!format) return undefined
  return format === 'json' ? { type: 'json' } : { type: 'schema', schema: format }
}
