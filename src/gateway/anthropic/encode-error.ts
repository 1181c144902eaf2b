import { ERROR_TABLE } from '../../spec/error-table.ts'
import type { ResourceError } from '../../spec/errors.ts'

/** https://docs.anthropic.com/en/api/errors: the type that stands for each status. */
const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  529: 'overloaded_error',
}

/** The error object of Anthropic's API, with grym's reason and the id that finds it in the log. */
export function anthropicError(error: ResourceError, id: string): object {
  const { httpStatus } = ERROR_TABLE[error.reason]
  const type = TYPES[httpStatus] ?? (httpStatus < 500 ? 'invalid_request_error' : 'api_error')
  return { type: 'error', error: { type, message: error.message, reason: error.reason, id }, request_id: id }
}
