import { expect, test } from 'vitest'
import { assertHoldable } from './holdable-schema.ts'

const REFUSED: unknown = expect.objectContaining({ reason: 'schema-unsupported' })

test('a schema that lies elsewhere in part is refused, one that refers to itself is not', () => {
  assertHoldable({ $ref: '#/$defs/a', $defs: { a: { type: 'object', properties: { b: { $ref: '#' } } } } })
  for (const $ref of ['https://example.com/schema', 'other.json#/a']) {
    expect(() => assertHoldable({ $ref })).toThrow(REFUSED)
    expect(() => assertHoldable({ anyOf: [{ type: 'string' }, { items: { $ref } }] })).toThrow(REFUSED)
  }
})

test('values are no schemas', () => {
  const schema = { const: { $ref: 'https://example.com' }, enum: [{ $ref: 'x' }], default: { $ref: 'x' } }
  for (const holdable of [schema, true]) expect(() => assertHoldable(holdable)).not.toThrow()
})

test('a schema may be 200 levels deep, and not more', () => {
  const nested = (levels: number): unknown => (levels === 0 ? {} : { items: nested(levels - 1) })
  assertHoldable(nested(200))
  expect(() => assertHoldable(nested(201))).toThrow(REFUSED)
})
