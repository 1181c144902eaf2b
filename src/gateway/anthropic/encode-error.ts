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
  504: 'timeout_error',
}

/** The error object of Anthropic's API. */
export interface AnthropicError {
  readonly type: 'error'
  readonly error: {
    readonly type: string
    readonly message: string
    readonly reason: string
    readonly id: string
    /** Finer than the type, for clients that act on it. */
    readonly details?: { readonly error_code: string; readonly unsupported: readonly unknown[] }
  }
  readonly request_id: string
}

/** With grym's reason and the id that finds it in the log. */
export function anthropicError(error: ResourceError, id: string): AnthropicError {
  const { httpStatus } = ERROR_TABLE[error.reason]
  const type = TYPES[httpStatus] ?? (httpStatus < 500 ? 'invalid_request_error' : 'api_error')
  const { errorCode, param } = error.details ?? {}
  const details = typeof errorCode === 'string' && { details: { error_code: errorCode, unsupported: [param] } }
  return {
    type: 'error',
    error: { type, message: messageOf(error), reason: error.reason, id, ...details },
    request_id: id,
  }
}

/** Clients that shorten a conversation by themselves, Claude Code for one, know that it is time by these words. */
function messageOf({ reason, message, details }: ResourceError): string {
  if (reason !== 'context-too-long') return message
  const { promptTokens, contextTokens } = details ?? {}
  const isCounted = typeof promptTokens === 'number' && typeof contextTokens === 'number'
  return `prompt is too long${isCounted ? `: ${promptTokens} tokens > ${contextTokens} maximum` : ''}. ${message}`
}
