import { z } from 'zod'

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const

/** How much a model is to think. Templates know on and off only: any effort but `none` is on. */
export type ReasoningEffort = (typeof EFFORTS)[number]

export const reasoningEffort: z.ZodType<ReasoningEffort> = z.enum(EFFORTS, {
  error: `must be one of ${EFFORTS.join(', ')}`,
})
