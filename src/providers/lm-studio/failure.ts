import { type ResourceError, resourceError } from '../../spec/errors.ts'
import type { ErrorReason } from '../../spec/error-reason.ts'
import { classifyLlamaCppFailure } from '../llama-cpp-failure.ts'
import { recordOf, textOf } from './listing.ts'

/** What LM Studio refused, in its own words. */
export interface LmStudioRefusal {
  readonly status: number
  readonly said: string
  readonly code: string | null
}

/**
 * Is this reply a refusal? `error` is an object on most routes and a string on some, and comes with status 200 as well
 * (unknown paths, and faults of streams).
 */
export function refusalIn(status: number, body: unknown): LmStudioRefusal | undefined {
  const { error } = recordOf(body)
  if (error === undefined || error === null) {
    return status < 400 ? undefined : { status, said: `status ${status}`, code: null }
  }
  const { message, code, type } = recordOf(error)
  const said = textOf(error) ?? textOf(message) ?? JSON.stringify(error)
  return { status, said, code: textOf(code) ?? textOf(type) }
}

/**
 * A refusal as an error of grym.
 * @param task what it was asked to do, which decides what an unknown refusal means.
 */
export function lmStudioFailure(
  refusal: LmStudioRefusal,
  task: 'load' | 'unload' | 'answer',
  key: string,
): ResourceError {
  const { status, said, code } = refusal
  const details = { status, said, ...(code !== null && { code }) }
  const reason = reasonOf(refusal) ?? classifyLlamaCppFailure(said)?.reason ?? UNKNOWN[task]
  return resourceError(
    reason,
    `${WORDS[reason]?.(key) ?? `LM Studio refused to ${VERBS[task]} '${key}'.`} It said: ${said}`,
    {
      details,
    },
  )
}

function reasonOf({ status, said, code }: LmStudioRefusal): ErrorReason | undefined {
  if (status === 401 || status === 403 || code === 'invalid_api_key') return 'engine-refused'
  if (/insufficient system resources/i.test(said)) return 'out-of-memory'
  if (/number of tokens to keep|context length/i.test(said)) return 'context-too-long'
  if (code === 'model_not_found' || /Invalid model identifier/i.test(said)) return 'model-file-missing'
  if (/Unexpected endpoint|No models loaded/i.test(said) || code === 'unrecognized_keys') return 'engine-refused'
  if (/model (?:was |has been )?unloaded|model has crashed/i.test(said)) return 'engine-lost'
  return undefined
}

const UNKNOWN = { load: 'model-load-failed', unload: 'unload-failed', answer: 'engine-error' } as const
const VERBS = { load: 'load', unload: 'unload', answer: 'answer with' } as const

const WORDS: Readonly<Partial<Record<ErrorReason, (key: string) => string>>> = {
  'engine-refused': () =>
    'LM Studio refuses what it is asked: set its API token where it wants one, or load the model in it.',
  'out-of-memory': (key) =>
    `LM Studio's guardrails keep it from loading '${key}'. Free memory, use a smaller context, or relax them in its settings.`,
  'context-too-long': (key) =>
    `The prompt is longer than the context window that '${key}' is loaded with in LM Studio.`,
  'model-file-missing': (key) =>
    `LM Studio has no model '${key}'. Get it there, or ask for one that \`grym list\` shows.`,
  'engine-lost': (key) => `LM Studio lost '${key}' while it answered. Send the request again.`,
}
