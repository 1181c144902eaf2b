import type { ErrorReason } from '../../spec/error-reason.ts'
import { ERROR_TABLE } from '../../spec/error-table.ts'
import type { ResourceError } from '../../spec/errors.ts'

/** Codes that OpenAI's own clients act on; every other reason is its own code. */
const OPENAI_CODES: Partial<Record<ErrorReason, string>> = {
  'context-too-long': 'context_length_exceeded',
  'model-not-found': 'model_not_found',
}

/** The error object of OpenAI's API, with grym's reason and the id that finds it in the log. */
export function openAiError(error: ResourceError, id: string): { readonly error: Readonly<Record<string, unknown>> } {
  const { httpStatus } = ERROR_TABLE[error.reason]
  return {
    error: {
      message: error.message,
      type: httpStatus < 500 ? 'invalid_request_error' : 'server_error',
      param: error.details?.['param'] ?? null,
      code: OPENAI_CODES[error.reason] ?? error.reason,
      reason: error.reason,
      id,
    },
  }
}
