import { describe, expect, test } from 'vitest'
import { ERROR_REASONS, ERROR_TABLE } from './error-table.ts'

const CODES = [
  'INVALID_MODEL_ID',
  'MEMORY_OPTIMIZATION_FAILED',
  'MODEL_LOAD_FAILED',
  'MODEL_UNLOAD_FAILED',
  'RESOURCE_LIMIT_EXCEEDED',
  'SYSTEM_ERROR',
]
/** Nothing a client could change about the request would help: these say so with a 5xx. */
const LASTING_SERVER_FAULTS: ReadonlySet<string> = new Set([
  'disk-full',
  'state-unusable',
  'cache-operation-failed',
  'engine-error',
  'internal',
  'not-implemented',
])

describe.each(Object.entries(ERROR_TABLE))('%s', (reason, row) => {
  test('has a stable name in kebab-case', () => {
    expect(reason).toMatch(/^[a-z]+(-[a-z]+)*$/)
  })

  test('has one of the six codes and the status of an error', () => {
    expect(CODES).toContain(row.code)
    expect(row.httpStatus).toBeGreaterThanOrEqual(400)
    expect(row.httpStatus).toBeLessThan(600)
  })

  test('tells a person in whole sentences what it means and what to do', () => {
    expect(row.meaning).toMatch(/^[A-Z].*[.)]$/)
    expect(row.nextStep).toMatch(/^[A-Z].*\.$/)
    expect(row.nextStep).not.toBe(row.meaning)
  })

  test('has a status that says whether to try again: clients retry a 5xx on their own', () => {
    expect(row.httpStatus >= 500).toBe(row.isRetryable || LASTING_SERVER_FAULTS.has(reason))
  })
})

test('the list of reasons is the table’s, each once', () => {
  expect(ERROR_REASONS).toEqual(Object.keys(ERROR_TABLE))
  expect(new Set(ERROR_REASONS).size).toBe(ERROR_REASONS.length)
})

test('no two rows mean the same', () => {
  const meanings = Object.values(ERROR_TABLE).map(({ meaning }) => meaning)
  expect(new Set(meanings).size).toBe(meanings.length)
})

test('the rows that the contract names have its codes', () => {
  const codeOf = (reason: keyof typeof ERROR_TABLE): string => ERROR_TABLE[reason].code
  expect(codeOf('model-not-found')).toBe('INVALID_MODEL_ID')
  expect(codeOf('model-limit-reached')).toBe('RESOURCE_LIMIT_EXCEEDED')
  expect(codeOf('memory-limit-exceeded')).toBe('RESOURCE_LIMIT_EXCEEDED')
  expect(codeOf('circuit-open')).toBe('MODEL_LOAD_FAILED')
  expect(codeOf('unload-failed')).toBe('MODEL_UNLOAD_FAILED')
})
