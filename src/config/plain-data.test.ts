import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { plainCopy, shown } from './plain-data.ts'

/** What is wrong, and where. */
function problemsOf(value: unknown): string[] {
  return plainCopy(value).problems.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

/** `depth` objects, one in the other. */
function nested(depth: number): unknown {
  return depth === 0 ? 1 : { a: nested(depth - 1) }
}

describe('what is no data is refused with its place', () => {
  class Limits {
    maxModelsLoaded = 3
  }
  const cyclic: Record<string, unknown> = {}
  cyclic['a'] = { b: cyclic }
  const { proxy: revoked, revoke } = Proxy.revocable({}, {})
  revoke()

  test.each<[string, unknown, RegExp]>([
    ['a function', { a: () => 1 }, /^a: a function is no value$/],
    ['a symbol', { a: Symbol('s') }, /^a: a symbol is no value$/],
    ['a big integer', { a: 1n }, /^a: a bigint is no value$/],
    ['an instance', { a: new Limits() }, /^a: .*Limits.* is no plain object$/],
    ['a date', { a: new Date(0) }, /^a: .* is no plain object$/],
    ['a map', { a: new Map() }, /^a: .* is no plain object$/],
    ['a cycle', cyclic, /^a\.b: it contains itself$/],
    [
      'a getter that throws',
      {
        get a(): number {
          throw new Error('not now')
        },
      },
      /^: it cannot be read: not now$/,
    ],
    ['a proxy that is gone', { a: revoked }, /^a: it cannot be read: /],
    ['a prototype', JSON.parse('{"__proto__": {"x": 1}}'), /^__proto__: '__proto__' is no key$/],
    ['a constructor', { a: { constructor: 1 } }, /^a\.constructor: 'constructor' is no key$/],
    ['what lies in a list', [{ a: () => 1 }], /^0\.a: a function is no value$/],
  ])('%s', (_name, value, expected) => {
    expect(problemsOf(value)).toEqual([expect.stringMatching(expected)])
  })
})

test('a depth of 12 and 50,000 values are data, one more is not', () => {
  expect(problemsOf(nested(12))).toEqual([])
  expect(problemsOf(nested(13))).toEqual([expect.stringMatching(/deeper than 12 levels$/)])
  const many = (length: number): unknown[] => Array.from({ length }, () => 1)
  expect(problemsOf(many(49_999))).toEqual([])
  expect(problemsOf(many(50_000))).toEqual([expect.stringMatching(/more than 50000 values$/)])
  expect(problemsOf(many(60_000))).toHaveLength(1)
  expect(problemsOf({ a: [many(49_000), many(49_000)] })).toHaveLength(1)
  const holes: unknown[] = []
  holes.length = 2 ** 32 - 1
  expect(problemsOf(holes)).toHaveLength(1)
})

test('each member is read once, and what is undefined is left out', () => {
  let reads = 0
  const source = {
    get a(): number {
      reads += 1
      return reads
    },
    b: undefined,
  }
  const { data } = plainCopy(source)
  expect(data).toEqual({ a: 1 })
  expect(Object.keys(data as object)).toEqual(['a'])
  expect(Object.getPrototypeOf(data)).toBeNull()
})

test('any JSON is its own copy, and shares nothing with it', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      const { data, problems } = plainCopy(value)
      if (problems.length === 0)
        expect(JSON.parse(JSON.stringify(data) ?? 'null')).toEqual(JSON.parse(JSON.stringify(value)))
      if (typeof value === 'object' && value !== null) expect(data).not.toBe(value)
    }),
  )
})

test('a value is shown on one line and cut short', () => {
  expect(shown('a\n  b')).toBe("'a b'")
  expect(shown('x'.repeat(1_000))).toBe(`'${'x'.repeat(100)}'`)
  expect(shown({ a: 1, b: [1, 2] })).toBe('{ a: 1, b: [ 1, 2 ] }')
  expect(shown(Object.create(null))).toBe('{}')
  expect([null, NaN, -1, true, undefined].map(shown)).toEqual(['null', 'NaN', '-1', 'true', 'undefined'])
  fc.assert(
    fc.property(fc.anything(), (value) => {
      expect(shown(value).length).toBeLessThanOrEqual(102)
      expect(shown(value)).not.toContain('\n')
    }),
  )
})
