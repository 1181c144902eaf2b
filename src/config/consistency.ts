import type { ModelEntries } from '../spec/model-entry.ts'
import { problemsOfEntries } from './model-entries.ts'
import type { Problem } from './problems.ts'

/** Pairs of numbers of which the first may not be above the second. */
const ORDERED = [
  ['memoryPressure.warning', 'memoryPressure.critical'],
  ['buffers.context.initial', 'buffers.context.max'],
  ['buffers.working.initial', 'buffers.working.max'],
] as const

/** Who set a value that nobody set. */
export const DEFAULT_SOURCE = 'default'

/** What is wrong with values that are each allowed by themselves; `sourceOf` says who set the value of a key. */
export function inconsistencies(
  values: Readonly<Record<string, unknown>>,
  sourceOf: (key: string) => string,
): Problem[] {
  const ordered = ORDERED.flatMap(([lower, upper]) => {
    if (Number(values[lower]) <= Number(values[upper])) return []
    // A first size that nobody has set gives way to the largest one that somebody has.
    if (lower.endsWith('.initial') && sourceOf(lower) === DEFAULT_SOURCE) return []
    const message =
      `${sourceOf(lower)} (${lower}): ${String(values[lower])} is not allowed: ` +
      `at most ${upper}, which is ${String(values[upper])} (${sourceOf(upper)}).`
    return [{ key: lower, message }]
  })
  const entries = problemsOfEntries(values['models.entries'] as ModelEntries).map(({ key, why }) => {
    const whole = `models.entries.${key}`
    const own = sourceOf(whole)
    const source = own === DEFAULT_SOURCE ? sourceOf('models.entries') : own
    return { key: whole, message: `${source} (${whole}): ${why}.` }
  })
  return [...ordered, ...entries]
}
