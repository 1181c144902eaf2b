import { describe, expect, test } from 'vitest'
import { ERROR_REASONS } from '../spec/error-table.ts'
import { resourceError } from '../spec/errors.ts'
import { exitCodeOf, table } from './terminal.ts'

describe('exit codes', () => {
  test.each([
    ['daemon-unreachable', 3],
    ['starting', 3],
    ['request-cancelled', 130],
    ['invalid-request', 2],
    ['model-too-large', 4],
    ['queue-full', 4],
    ['model-not-found', 1],
    ['instance-running', 1],
    ['internal', 1],
  ] as const)('%s: %i', (reason, code) => {
    expect(exitCodeOf(resourceError(reason, 'x'))).toBe(code)
  })

  test('every reason has one, and none of them is 0', () => {
    const codes = ERROR_REASONS.map((reason) => exitCodeOf(resourceError(reason, 'x')))
    expect(new Set(codes)).toEqual(new Set([1, 2, 3, 4, 130]))
  })

  test('what is not ours failed', () => {
    expect(exitCodeOf(new Error('x'))).toBe(1)
  })
})

test('columns are as wide as their widest cell, and lines have no trailing blanks', () => {
  expect(
    table(
      ['A', 'LONG HEAD', 'C'],
      [
        ['wide cell', 'x', ''],
        ['y', 'z', 'w'],
      ],
    ),
  ).toBe('A          LONG HEAD  C\nwide cell  x\ny          z          w')
})
