import type { ErrorCode } from './error-reason.ts'

/** One row of the error table: what a reason means to code, to HTTP and to a person. */
export interface ErrorRow {
  readonly code: ErrorCode
  readonly httpStatus: number
  /** True when the same call may succeed later without anything being changed. */
  readonly isRetryable: boolean
  readonly meaning: string
  readonly nextStep: string
}
