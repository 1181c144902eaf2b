import type { ErrorCode, ErrorReason } from './error-reason.ts'
import { ERROR_TABLE } from './error-table.ts'

/** An error as plain data: what the pure core decides and what crosses a process or a wire. */
export interface ErrorData {
  readonly reason: ErrorReason
  readonly message: string
  readonly details?: Readonly<Record<string, unknown>>
}

export interface ResourceErrorOptions {
  readonly reason?: ErrorReason
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

const DEFAULT_REASON: Readonly<Record<ErrorCode, ErrorReason>> = {
  RESOURCE_LIMIT_EXCEEDED: 'memory-limit-exceeded',
  MODEL_LOAD_FAILED: 'model-load-failed',
  MODEL_UNLOAD_FAILED: 'unload-failed',
  INVALID_MODEL_ID: 'model-not-found',
  MEMORY_OPTIMIZATION_FAILED: 'optimization-failed',
  SYSTEM_ERROR: 'internal',
}

/**
 * The one error class of grym. `code` is one of the guide's six, `reason` the fine-grained name whose row in
 * {@link ERROR_TABLE} gives status, retryability and the next step.
 */
export class ResourceError extends Error {
  override readonly name = 'ResourceError'
  readonly code: ErrorCode
  readonly reason: ErrorReason
  readonly details: Readonly<Record<string, unknown>> | undefined
  readonly isRetryable: boolean
  readonly httpStatus: number

  constructor(code: ErrorCode, message: string, options: ResourceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    const reason = options.reason ?? DEFAULT_REASON[code]
    const row = ERROR_TABLE[reason]
    this.code = code
    this.reason = reason
    this.details = options.details
    this.isRetryable = row.isRetryable
    this.httpStatus = row.httpStatus
  }
}

/** Builds the error of a table row; the code comes from the row. */
export function resourceError(
  reason: ErrorReason,
  message: string,
  options: Omit<ResourceErrorOptions, 'reason'> = {},
): ResourceError {
  return new ResourceError(ERROR_TABLE[reason].code, message, { ...options, reason })
}

/** Plain data of any thrown value; what is not a {@link ResourceError} becomes `internal`. */
export function toErrorData(error: unknown): ErrorData {
  if (error instanceof ResourceError) {
    return { reason: error.reason, message: error.message, ...(error.details && { details: error.details }) }
  }
  return { reason: 'internal', message: error instanceof Error ? error.message : String(error) }
}

/** The class of some plain data. */
export function fromErrorData(data: ErrorData): ResourceError {
  return resourceError(data.reason, data.message, data.details ? { details: data.details } : {})
}
