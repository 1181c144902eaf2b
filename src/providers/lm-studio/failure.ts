import type { ErrorReason } from '../../spec/error-reason.ts'
import { type ResourceError, resourceError } from '../../spec/errors.ts'
import { classifyLlamaCppFailure } from '../llama-cpp-failure.ts'

/** What LM Studio was asked to do, which decides what an unknown refusal means. */
export type LmStudioTask = 'list' | 'load' | 'unload' | 'answer'

/**
 * What LM Studio refuses, by its words: they come as text or as an object and with any status, so that status and type
 * say little. What it did not say itself (it cannot be reached, the request was cancelled) stays as it is.
 * @param key the model that it is about.
 */
export function lmStudioFailure(error: ResourceError, task: LmStudioTask, key: string): ResourceError {
  const said = error.details?.['engineMessage']
  if (typeof said !== 'string') return error
  const reason = reasonOf(said) ?? classifyLlamaCppFailure(said)?.reason ?? UNKNOWN[task]
  const words = reason && WORDS[reason]
  if (!reason || !words) return error
  return resourceError(reason, `${words(key)} It said: ${said}`, {
    ...(error.details && { details: error.details }),
    cause: error,
  })
}

/** Is it gone, as far as an unload is concerned? */
export function isUnknownInstance(error: ResourceError): boolean {
  return (
    error.reason === 'model-file-missing' || error.reason === 'model-not-found' || error.details?.['status'] === 404
  )
}

/** Was the model taken out of memory under an answer, by a person or by LM Studio itself? */
export function isTaken(error: ResourceError): boolean {
  const said = error.details?.['engineMessage']
  return typeof said === 'string' && TAKEN.test(said)
}

/** Does it not say anything at all, not even that it refuses a connection? */
export function isSilence(error: ResourceError): boolean {
  return error.details?.['hasTimedOut'] === true
}

function reasonOf(said: string): ErrorReason | undefined {
  for (const [pattern, reason] of TEXTS) if (pattern.test(said)) return reason
  return undefined
}

const TAKEN = /model (?:was |has been |is )?(?:unloaded|ejected)/i

const TEXTS: readonly (readonly [RegExp, ErrorReason])[] = [
  [/API token|invalid_api_key/i, 'engine-refused'],
  // Guardrails, on a load and on a request that loads.
  [/insufficient system resources/i, 'out-of-memory'],
  [/number of tokens to keep/i, 'context-too-long'],
  [/Invalid model identifier/i, 'model-file-missing'],
  // It is told to load nothing for a request.
  [/No models loaded|Unexpected endpoint|Unrecognized key/i, 'engine-refused'],
  [TAKEN, 'engine-lost'],
  [/model has crashed/i, 'engine-lost'],
]

const UNKNOWN: Readonly<Partial<Record<LmStudioTask, ErrorReason>>> = {
  load: 'model-load-failed',
  unload: 'unload-failed',
}

const WORDS: Readonly<Partial<Record<ErrorReason, (key: string) => string>>> = {
  'engine-refused': () =>
    'LM Studio refuses what it is asked: set `engines.lmStudioToken` where it wants a token, and load the model in it where it loads none by itself.',
  'out-of-memory': (key) =>
    `LM Studio found no memory for '${key}', or its guardrails forbid it. Free memory, use a smaller context, or relax them in its settings.`,
  'gpu-out-of-memory': (key) =>
    `LM Studio found no room on the GPU for '${key}'. Close what else uses it, or put fewer layers there in its settings.`,
  'context-too-long': (key) => `The prompt is longer than the window that '${key}' is loaded with in LM Studio.`,
  'model-file-missing': (key) => `LM Studio has no model '${key}'. Get it there, or take one that \`grym list\` shows.`,
  'architecture-unsupported': (key) =>
    `LM Studio's engine does not know this kind of model, '${key}'. Update its runtimes.`,
  'model-file-corrupt': (key) => `The file of '${key}' is cut short or damaged. Get it again in LM Studio.`,
  'model-load-failed': (key) => `LM Studio failed to load '${key}'. Look at its own log.`,
  'unload-failed': (key) => `LM Studio did not give '${key}' back. Eject it in the application.`,
  'engine-lost': (key) => `LM Studio lost '${key}' while it answered. Send the request again.`,
}
