import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ErrorCode } from './error-reason.ts'
import { ERROR_REASONS, ERROR_TABLE } from './error-table.ts'
import { fromErrorData, ResourceError, resourceError, toErrorData } from './errors.ts'

const reasons = fc.constantFrom(...ERROR_REASONS)

describe('a ResourceError', () => {
  test('is an Error with a name, a message and a stack', () => {
    const error = new ResourceError('SYSTEM_ERROR', 'It did not work.')
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe('ResourceError')
    expect(String(error)).toBe('ResourceError: It did not work.')
    expect(error.stack).toContain('errors.test.ts')
  })

  test.each<[ErrorCode, string]>([
    ['RESOURCE_LIMIT_EXCEEDED', 'memory-limit-exceeded'],
    ['MODEL_LOAD_FAILED', 'model-load-failed'],
    ['MODEL_UNLOAD_FAILED', 'unload-failed'],
    ['INVALID_MODEL_ID', 'model-not-found'],
    ['MEMORY_OPTIMIZATION_FAILED', 'optimization-failed'],
    ['SYSTEM_ERROR', 'internal'],
  ])('of code %s alone is of reason %s', (code, reason) => {
    expect(new ResourceError(code, 'text')).toMatchObject({ code, reason })
  })

  test('keeps details and cause when there are some, and has none otherwise', () => {
    const cause = new Error('deeper')
    const error = new ResourceError('SYSTEM_ERROR', 'text', { reason: 'disk-full', details: { freeBytes: 0 }, cause })
    expect(error).toMatchObject({ reason: 'disk-full', details: { freeBytes: 0 }, cause })
    const bare = new ResourceError('SYSTEM_ERROR', 'text')
    expect(bare.details).toBeUndefined()
    expect(bare).not.toHaveProperty('cause')
  })

  test('made from a reason has the code, status and retryability of its row', () => {
    fc.assert(
      fc.property(reasons, fc.string(), (reason, message) => {
        const { code, httpStatus, isRetryable } = ERROR_TABLE[reason]
        expect(resourceError(reason, message)).toMatchObject({ reason, message, code, httpStatus, isRetryable })
      }),
    )
  })
})

describe('plain data of an error', () => {
  test('there and back, also through JSON, it is the same error', () => {
    const details = fc.option(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean())), {
      nil: undefined,
    })
    fc.assert(
      fc.property(reasons, fc.string(), details, (reason, message, maybeDetails) => {
        const error = resourceError(reason, message, maybeDetails ? { details: maybeDetails } : {})
        const data = toErrorData(error)
        const back = fromErrorData(JSON.parse(JSON.stringify(data)) as typeof data)
        expect(back).toBeInstanceOf(ResourceError)
        expect(JSON.stringify([back.reason, back.message, back.details])).toBe(
          JSON.stringify([reason, message, maybeDetails]),
        )
        expect([back.code, back.httpStatus, back.isRetryable]).toEqual([
          error.code,
          error.httpStatus,
          error.isRetryable,
        ])
      }),
    )
  })

  test.each([
    ['model-limit-reached', 'Maximum number of models loaded'],
    ['memory-limit-exceeded', 'Memory limit exceeded'],
    ['model-not-found', 'Unknown model'],
    ['model-load-failed', 'MODEL_LOAD_FAILED'],
  ] as const)('keeps the words of %s that others look for: %s', (reason, fragment) => {
    const message = `${fragment}: and what to do about it.`
    expect(fromErrorData(toErrorData(resourceError(reason, message))).message).toBe(message)
  })

  test('says nothing of details or causes that are not there, and never carries a cause', () => {
    expect(toErrorData(resourceError('starting', 'text', { cause: new Error('secret') }))).toEqual({
      reason: 'starting',
      message: 'text',
    })
  })

  test.each([
    [new TypeError('x is not a function'), 'x is not a function'],
    ['a text', 'a text'],
    [5, '5'],
    [null, 'null'],
    [undefined, 'undefined'],
    [{ reason: 'starting', message: 'only looks like one' }, '[object Object]'],
  ])('of anything else that is thrown (%o) is `internal`', (thrown, message) => {
    expect(toErrorData(thrown)).toEqual({ reason: 'internal', message })
  })
})
