import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_JSON_DEPTH, parseJsonBody } from './json-body.ts'

function nested(depth: number): Buffer {
  return Buffer.from('['.repeat(depth) + ']'.repeat(depth))
}

test('depth: limit − 1, limit, limit + 1, and far beyond without a stack', () => {
  expect(parseJsonBody(nested(MAX_JSON_DEPTH - 1))).toBeInstanceOf(Array)
  expect(parseJsonBody(nested(MAX_JSON_DEPTH))).toBeInstanceOf(Array)
  expect(() => parseJsonBody(nested(MAX_JSON_DEPTH + 1))).toThrow('nested deeper')
  expect(() => parseJsonBody(nested(1_000_000))).toThrow('nested deeper')
})

test('brackets inside strings nest nothing', () => {
  const text = JSON.stringify({ text: `${'['.repeat(200)}\\"{`, more: '\\' })
  expect(parseJsonBody(Buffer.from(text))).toEqual(JSON.parse(text))
})

test('any JSON that is not too deep comes out as it went in', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      const text = JSON.stringify(value)
      if (text.includes('__proto__')) return
      expect(parseJsonBody(Buffer.from(text))).toEqual(JSON.parse(text))
    }),
  )
})

test('any bytes either parse or are refused as a request that is invalid', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
      try {
        parseJsonBody(Buffer.from(bytes))
      } catch (error) {
        expect(error).toMatchObject({ reason: 'invalid-request' })
      }
    }),
  )
})
