import type { z } from 'zod'
import { type ResourceError, resourceError } from '../spec/errors.ts'
import type { Option } from './option.ts'
import { shown } from './plain-data.ts'

/** Something wrong in a file or a change, in a sentence that names the place, the key, the value and what is allowed. */
export interface Problem {
  readonly key: string
  readonly message: string
}

/** More than this helps nobody. */
const MAX_SHOWN_PROBLEMS = 20
/** After this many nobody looks for the next: to find the line of each in a file of garbage takes time. */
export const MAX_FOUND_PROBLEMS = 100

/** One error for all that is wrong, one line each. */
export function configInvalid(subject: string, problems: readonly Problem[]): ResourceError {
  const lines = problems.slice(0, MAX_SHOWN_PROBLEMS).map(({ message }) => message)
  const left = problems.length - lines.length
  const count = problems.length >= MAX_FOUND_PROBLEMS ? `at least ${left}` : String(left)
  const all = left > 0 ? [...lines, `… and ${count} more.`] : lines
  const message = all.length === 1 ? all.join('') : [`${subject}: ${problems.length} problems.`, ...all].join('\n')
  const keys = problems.slice(0, MAX_SHOWN_PROBLEMS).map(({ key }) => key)
  return resourceError('config-invalid', message, { details: { key: keys[0] ?? '', keys, problems: lines } })
}

/** A sentence about one value: who set it, its key, the value, what is allowed. */
export function notAllowed(source: string, key: string, value: unknown, allowed: string, isSecret = false): string {
  return `${source} (${key}): ${isSecret ? 'its value' : shown(value)} is not allowed: ${allowed}.`
}

/** What is wrong with a value of an option; `sourceOf` says where the part of the value at a path was written. */
export function problemsOf(
  option: Option,
  value: unknown,
  error: z.ZodError,
  sourceOf: (path: readonly string[]) => string,
): Problem[] {
  const issues = error.issues.slice(0, MAX_FOUND_PROBLEMS).flatMap(flatten)
  return issues.map((issue) => {
    const path = issue.path.map(String)
    const key = [option.key, ...path].join('.')
    const source = sourceOf(path)
    if (issue.code === 'unrecognized_keys') return { key, message: `${source} (${key}): ${issue.message}` }
    const help = path.length === 0 ? ` ${option.help}` : ''
    const isKey = issue.code === 'invalid_key'
    const allowed = isKey ? (issue.issues[0]?.message ?? issue.message) : issue.message
    const part = isKey ? path.at(-1) : partAt(value, path)
    return { key, message: `${notAllowed(source, key, part, allowed, option.isSecret)}${help}` }
  })
}

/** Of a value that fits none of several forms, what keeps it from the form that it was meant to have. */
function flatten(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const meant = issue.errors.find((issues) => {
    const inner = issues.flatMap(flatten)
    return inner.some(({ path, code }) => path.length > 0 || code === 'unrecognized_keys')
  })
  if (!meant) return [issue]
  return meant.flatMap((inner) => flatten({ ...inner, path: [...issue.path, ...inner.path] }))
}

function partAt(value: unknown, path: readonly string[]): unknown {
  let part = value
  for (const key of path) {
    part = typeof part === 'object' && part !== null && Object.hasOwn(part, key) ? Reflect.get(part, key) : undefined
  }
  return part
}
