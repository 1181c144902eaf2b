import type { z } from 'zod'
import { resourceError } from '../spec/errors.ts'

/** A body checked. Throws `invalid-request` naming the field, the value's fault and what is allowed. */
export function checkBody<Output>(schema: z.ZodType<Output>, body: unknown): Output {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const path = (issue?.path ?? []).map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('')
  const field = path.replace(/^\./, '')
  throw invalid(`${field || 'the body'}: ${issue?.message ?? 'is not valid'}.`, field || null)
}

/** @param param the field that is at fault; `null` = the body as a whole. */
export function invalid(text: string, param: string | null): Error {
  return resourceError('invalid-request', text, { details: { param } })
}
