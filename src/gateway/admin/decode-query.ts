import { z } from 'zod'
import { resourceError } from '../../spec/errors.ts'

/** A number as a query string writes it; what is empty is none. */
export const numberText: z.ZodType<number> = z.string().regex(/^-?\d/, 'must be a number').transform(Number)

/** What a body or a query string says, checked. Throws `invalid-request` naming the field, and what is meant. */
export function decode<Output>(schema: z.ZodType<Output>, value: unknown, meant: string): Output {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const field = issue?.path.join('.') ?? ''
  const what = field === '' ? '' : `${field}: ${issue?.message ?? 'is not valid'}. `
  throw resourceError('invalid-request', `${what}${meant}`, { details: { param: field === '' ? null : field } })
}
