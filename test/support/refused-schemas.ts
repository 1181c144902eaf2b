import { text, whole } from './schema-case.ts'

/** What cannot be guaranteed, or is no schema: each with the place that the refusal names. */
export const REFUSED_SCHEMAS: readonly (readonly [name: string, schema: unknown, place: string])[] = [
  ['no schema', 'string', ''],
  ['a list', [], ''],
  ['false', false, ''],
  ['a type that is none', { type: 'text' }, '/type'],
  ['not', { not: text }, '/not'],
  ['if', { type: 'object', properties: { a: { if: {}, else: {} } } }, '/properties/a/if'],
  ['contains', { type: 'array', contains: whole }, '/contains'],
  ['dependentRequired', { type: 'object', dependentRequired: { a: ['b'] } }, '/dependentRequired'],
  ['unique items', { type: 'array', items: whole, uniqueItems: true }, '/uniqueItems'],
  ['a multiple', { type: 'integer', multipleOf: 5 }, '/multipleOf'],
  ['a reference elsewhere', { $ref: 'https://example.com/x' }, ''],
  ['a reference to nothing', { items: { $ref: '#/$defs/x' } }, '/items'],
  ['a reference to itself', { $ref: '#' }, ''],
  [
    'two that lead to each other',
    { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' },
    '/$defs/b',
  ],
  ['a choice of itself', { anyOf: [{ $ref: '#' }, text] }, ''],
  ['a pattern that looks ahead', { type: 'string', pattern: '^(?=a)b' }, '/pattern'],
  ['a pattern that refers back', { type: 'string', pattern: '(a)\\1' }, '/pattern'],
  ['a pattern with a word boundary', { type: 'string', pattern: '\\bx' }, '/pattern'],
  ['a pattern that is broken', { type: 'string', pattern: '(a' }, '/pattern'],
  ['a pattern that repeats nothing at all', { type: 'string', pattern: '(a*)*' }, '/pattern'],
  ['a pattern and a length', { type: 'string', pattern: '^a+$', maxLength: 5 }, '/pattern'],
  ['no number between', { type: 'integer', minimum: 5, maximum: 4 }, ''],
  ['lengths the wrong way round', { type: 'string', minLength: 5, maxLength: 4 }, ''],
  ['an empty enum', { enum: [] }, ''],
  ['an enum of another type', { type: 'string', enum: [1] }, ''],
  ['an empty anyOf', { anyOf: [] }, '/anyOf'],
  [
    'branches that may hold both',
    {
      oneOf: [
        { type: 'object', properties: { a: whole } },
        { type: 'object', properties: { b: whole } },
      ],
    },
    '/oneOf',
  ],
  [
    'patterns that both have to hold',
    {
      allOf: [
        { type: 'string', pattern: 'a' },
        { type: 'string', pattern: 'b' },
      ],
    },
    '',
  ],
  ['types that cannot both be', { allOf: [text, whole] }, ''],
  ['more properties than can be counted', { type: 'object', minProperties: 3 }, '/minProperties'],
  [
    'a required property that may not be',
    { type: 'object', properties: {}, required: ['a'], additionalProperties: false },
    '/required',
  ],
  ['a very long text', { type: 'string', maxLength: 10_000_000 }, ''],
]
