import { describe, expect, test } from 'vitest'
import type { z } from 'zod'
import {
  byteCount,
  deadlineMs,
  idleMs,
  listOf,
  oneOrMore,
  prose,
  readNumber,
  readYesOrNo,
  text,
  webAddress,
} from './value-schemas.ts'

function read(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value)
  return result.success ? result.data : 'refused'
}

describe('times', () => {
  test.each<[unknown, unknown, unknown]>([
    [300_000, 300_000, 300_000],
    ['5m', 300_000, 300_000],
    ['300', 300_000, 300_000],
    [1, 1, 1],
    [0, 0, 'refused'],
    ['0', 0, 'refused'],
    [-1, Infinity, 'refused'],
    ['-1', Infinity, 'refused'],
    [-2, 'refused', 'refused'],
    [-0.5, 'refused', 'refused'],
    [NaN, 'refused', 'refused'],
    [Infinity, 'refused', 'refused'],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    [2 ** 54, 'refused', 'refused'],
    ['soon', 'refused', 'refused'],
    ['', 'refused', 'refused'],
    [true, 'refused', 'refused'],
    [null, 'refused', 'refused'],
    [[5], 'refused', 'refused'],
  ])('%j as an idle time is %j, as a deadline %j', (value, idle, deadline) => {
    expect(read(idleMs, value)).toBe(idle)
    expect(read(deadlineMs, value)).toBe(deadline)
  })
})

test.each<[unknown, unknown]>([
  ['1GiB', 1_073_741_824],
  [1, 1],
  [0, 'refused'],
  [-1, 'refused'],
  [1.5, 'refused'],
  ['0', 'refused'],
  ['many', 'refused'],
  [NaN, 'refused'],
  [false, 'refused'],
])('%j as a size is %j', (value, expected) => {
  expect(read(byteCount, value)).toBe(expected)
})

describe('texts', () => {
  test('of 1 to 4,096 characters, without control characters', () => {
    for (const good of ['a', 'ä b', 'x'.repeat(4_096)]) expect(read(text(), good)).toBe(good)
    for (const bad of ['', 'x'.repeat(4_097), 'a\nb', '\u0000', '\u007f', 5, null]) {
      expect(read(text(), bad)).toBe('refused')
    }
  })

  test('of many lines: up to 262,144 characters', () => {
    for (const good of ['a\nb', 'x'.repeat(262_144)]) expect(read(prose(), good)).toBe(good)
    for (const bad of ['', 'x'.repeat(262_145), 5]) expect(read(prose(), bad)).toBe('refused')
  })

  test('of the web', () => {
    expect(read(webAddress, 'https://a.test/x')).toBe('https://a.test/x')
    for (const bad of ['ftp://a.test', 'a.test', 'file:///x', 5]) expect(read(webAddress, bad)).toBe('refused')
  })
})

describe('lists', () => {
  const list = listOf(text(), ',')

  test('may be one text', () => {
    expect(read(list, ['a', 'b,c'])).toEqual(['a', 'b,c'])
    expect(read(list, 'a, b,,')).toEqual(['a', 'b'])
    expect(read(list, [])).toEqual([])
    expect(read(listOf(webAddress, ','), 'https://a.test,no address')).toBe('refused')
    for (const bad of [5, null, {}, [5], ['']]) expect(read(list, bad)).toBe('refused')
  })

  test('have at most 1,000 items', () => {
    const items = Array.from({ length: 1_000 }, () => 'x')
    expect(read(list, items)).toHaveLength(1_000)
    expect(read(list, [...items, 'x'])).toBe('refused')
  })

  test('or their only item', () => {
    const some = oneOrMore(text(), 2, 'text')
    expect(read(some, 'a')).toEqual(['a'])
    expect(read(some, ['a', 'b'])).toEqual(['a', 'b'])
    expect(read(some, ['a', 'b', 'c'])).toBe('refused')
  })
})

test('text from outside is a number or a truth when it writes one, and stays text else', () => {
  expect(['5', '0.5', '-1', ' 7 ', 'x', '', ' ', '5m'].map(readNumber)).toEqual([5, 0.5, -1, 7, 'x', '', ' ', '5m'])
  expect(['true', 'YES', 'on', '1'].map(readYesOrNo)).toEqual([true, true, true, true])
  expect(['false', 'No', 'off ', '0'].map(readYesOrNo)).toEqual([false, false, false, false])
  expect(['', 'maybe', '2'].map(readYesOrNo)).toEqual(['', 'maybe', '2'])
})
