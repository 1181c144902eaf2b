import { expect, test } from 'vitest'
import type { ErrorReason } from '../../spec/error-reason.ts'
import { resourceError } from '../../spec/errors.ts'
import { anthropicError } from './encode-error.ts'

test.each<[ErrorReason, string]>([
  ['invalid-request', 'invalid_request_error'],
  ['model-not-found', 'not_found_error'],
  ['host-not-allowed', 'permission_error'],
  ['request-too-large', 'request_too_large'],
  ['model-too-large', 'invalid_request_error'],
  ['queue-full', 'overloaded_error'],
  ['engine-lost', 'api_error'],
  ['engine-stuck', 'timeout_error'],
  ['internal', 'api_error'],
])('%s is %s', (reason, type) => {
  expect(anthropicError(resourceError(reason, 'Because.'), 'err_1')).toEqual({
    type: 'error',
    error: { type, message: 'Because.', reason, id: 'err_1' },
    request_id: 'err_1',
  })
})

test('a finer code goes along where there is one', () => {
  const details = { param: 'thread', errorCode: 'thread_unsupported_request' }
  expect(anthropicError(resourceError('invalid-request', 'No.', { details }), 'err_1').error.details).toEqual({
    error_code: 'thread_unsupported_request',
    unsupported: ['thread'],
  })
})

test('a prompt that is too long is told in the words that clients look for', () => {
  const said = (details: object): string =>
    anthropicError(resourceError('context-too-long', 'Send less.', { details: { ...details } }), 'err_1').error.message
  expect(said({ promptTokens: 90, contextTokens: 64 })).toBe('prompt is too long: 90 tokens > 64 maximum. Send less.')
  expect(said({ promptBytes: 900 })).toBe('prompt is too long. Send less.')
})
