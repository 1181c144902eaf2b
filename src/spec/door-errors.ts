import type { ErrorReason } from './error-reason.ts'
import type { ErrorRow } from './error-row.ts'

type DoorReason = Extract<
  ErrorReason,
  | 'too-many-connections'
  | 'request-too-large'
  | 'headers-too-large'
  | 'request-too-slow'
  | 'host-not-allowed'
  | 'key-missing'
  | 'key-unknown'
  | 'route-not-found'
  | 'request-loop'
>

/** Part of the error table: what is refused at the door, before anybody asks what is meant. */
export const DOOR_ERRORS: Readonly<Record<DoorReason, ErrorRow>> = {
  'too-many-connections': {
    code: 'RESOURCE_LIMIT_EXCEEDED',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'More clients follow the event stream than allowed.',
    nextStep: 'Close another follower first.',
  },
  'request-too-large': {
    code: 'RESOURCE_LIMIT_EXCEEDED',
    httpStatus: 413,
    isRetryable: false,
    meaning: 'The request body is larger than `http.maxBodyBytes`.',
    nextStep: 'Send less, or raise `http.maxBodyBytes`.',
  },
  'headers-too-large': {
    code: 'RESOURCE_LIMIT_EXCEEDED',
    httpStatus: 431,
    isRetryable: false,
    meaning: 'The headers of the request are larger than 16 KiB.',
    nextStep: 'Send fewer or shorter headers.',
  },
  'request-too-slow': {
    code: 'RESOURCE_LIMIT_EXCEEDED',
    httpStatus: 408,
    isRetryable: false,
    meaning: 'The headers of a request did not come within 20 s, or all of it within 2 min.',
    nextStep: 'Send it again, in one go.',
  },
  'host-not-allowed': {
    code: 'SYSTEM_ERROR',
    httpStatus: 403,
    isRetryable: false,
    meaning:
      'The Host or Origin header names a host that this daemon does not serve (protection against DNS rebinding).',
    nextStep: 'Use 127.0.0.1 or localhost.',
  },
  'key-missing': {
    code: 'SYSTEM_ERROR',
    httpStatus: 401,
    isRetryable: false,
    meaning: 'The daemon has keys (`keys` in `grym.yaml`), and the request carries none.',
    nextStep: 'Send one as `Authorization: Bearer` or `x-api-key`; the command line reads `GRYM_API_KEY`.',
  },
  'key-unknown': {
    code: 'SYSTEM_ERROR',
    httpStatus: 401,
    isRetryable: false,
    meaning: 'The key of the request is none of those in `grym.yaml`.',
    nextStep: 'Check it for a typing mistake; `grym keys new` makes one.',
  },
  'route-not-found': {
    code: 'SYSTEM_ERROR',
    httpStatus: 404,
    isRetryable: false,
    meaning: 'There is no such endpoint.',
    nextStep: 'See `docs/api.md`.',
  },
  'request-loop': {
    code: 'SYSTEM_ERROR',
    httpStatus: 400,
    isRetryable: false,
    meaning: 'The request carries this very instance’s own mark: it was sent here by itself.',
    nextStep: 'Point the upstream address at the engine, not at grym.',
  },
}
