import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Gbnf } from '../../../../../test/support/gbnf.ts'
import { REFUSED_SCHEMAS } from '../../../../../test/support/refused-schemas.ts'
import { SCHEMA_CASES } from '../../../../../test/support/schema-cases.ts'
import { toErrorData } from '../../../../spec/errors.ts'
import { seededRandom } from '../token-sampler.ts'
import { Grammar } from './grammar.ts'
import { schemaRule } from './schema-rules.ts'

/** What a grammar writes, judged by a validator that knows nothing of it. */
const WRITTEN_PER_CASE = 100

function grammarOf(schema: unknown): string {
  const grammar = new Grammar()
  return grammar.text(schemaRule(grammar, schema, 'answer'))
}

function validator(schema: unknown): ValidateFunction {
  const isOlder =
    JSON.stringify(schema).includes('"items":[') || JSON.stringify(schema).includes('"exclusiveMinimum":true')
  const options = { strict: false, unicodeRegExp: true, formats: { colour: true as const }, validateSchema: false }
  const ajv = isOlder ? new Ajv(options) : new Ajv2020(options)
  addFormats.default(ajv)
  return ajv.compile(withoutDraft4(schema) as object)
}

/** The validator does not know draft 4's boolean bounds. */
function withoutDraft4(schema: unknown): unknown {
  const { exclusiveMinimum, minimum, ...rest } = (schema ?? {}) as Record<string, unknown>
  return exclusiveMinimum === true ? { ...rest, exclusiveMinimum: minimum } : schema
}

describe.each(SCHEMA_CASES)('$name', ({ schema, valid, invalid }) => {
  const grammar = new Gbnf(grammarOf(schema))
  const validate = validator(schema)

  test('takes what is valid, compact and spaced, and nothing else', () => {
    for (const value of valid) {
      expect(validate(value), `the case itself: ${JSON.stringify(value)}`).toBe(true)
      expect(grammar.matches(JSON.stringify(value)), JSON.stringify(value)).toBe(true)
      expect(grammar.matches(JSON.stringify(value, null, 2)), JSON.stringify(value, null, 2)).toBe(true)
    }
    for (const value of invalid) {
      expect(validate(value), `the case itself: ${JSON.stringify(value)}`).toBe(false)
      expect(grammar.matches(JSON.stringify(value)), JSON.stringify(value)).toBe(false)
    }
  })

  test('writes nothing but what is valid', () => {
    const random = seededRandom(1)
    for (let count = 0; count < WRITTEN_PER_CASE; count++) {
      const text = grammar.write(random)
      const isValid = validate(JSON.parse(text))
      expect(isValid, `${text}: ${JSON.stringify(validate.errors)}`).toBe(true)
    }
  })
})

describe('refused, naming the place', () => {
  test.each(REFUSED_SCHEMAS)('%s', (_, schema, place) => {
    let refusal: unknown
    try {
      grammarOf(schema)
    } catch (error) {
      refusal = error
    }
    const { reason, details } = toErrorData(refusal)
    expect(reason).toBe('schema-unsupported')
    if (place !== '' || details?.['place'] !== undefined) expect(details?.['place']).toBe(place)
  })
})

describe('integers', () => {
  test('exactly those between their bounds', () => {
    const bound = fc.integer({ min: -12_000, max: 12_000 })
    fc.assert(
      fc.property(
        bound,
        bound,
        fc.array(fc.integer({ min: -13_000, max: 13_000 }), { maxLength: 20 }),
        (a, b, others) => {
          const [minimum, maximum] = [Math.min(a, b), Math.max(a, b)]
          const grammar = new Gbnf(grammarOf({ type: 'integer', minimum, maximum }))
          for (const value of [minimum - 1, minimum, minimum + 1, maximum - 1, maximum, maximum + 1, 0, ...others]) {
            expect(grammar.matches(String(value))).toBe(value >= minimum && value <= maximum)
          }
          expect(grammar.matches(`0${maximum}`)).toBe(false)
        },
      ),
    )
  })
})

describe('a stranger’s schema', () => {
  test('whatever it is, it is taken or refused by name, in bounded size', () => {
    const key = fc.constantFrom(
      'type',
      'properties',
      'items',
      'anyOf',
      'allOf',
      'oneOf',
      '$ref',
      'required',
      'enum',
      'pattern',
      'minItems',
      '$defs',
      '__proto__',
      'additionalProperties',
    )
    const leaf = fc.oneof(
      fc.constantFrom('object', 'array', 'string', '#', '#/$defs/a', '^a*$', true, false, null, 3),
      fc.string(),
    )
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'medium' },
        leaf,
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(key, tie('value'), { maxKeys: 5 }),
      ),
    }))
    fc.assert(
      fc.property(value, (schema) => {
        try {
          expect(grammarOf(schema).length).toBeLessThan(2_000_000)
        } catch (error) {
          expect(toErrorData(error).reason).toBe('schema-unsupported')
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test.each<[string, unknown]>([
    [
      'alternatives of alternatives',
      { allOf: Array.from({ length: 30 }, (_, index) => ({ anyOf: [{ title: `${index}` }, { minLength: index }] })) },
    ],
    [
      'references that double',
      Object.fromEntries([
        ...Array.from({ length: 40 }, (_, index) => [
          `d${index}`,
          { allOf: [{ $ref: `#/d${index + 1}` }, { $ref: `#/d${index + 1}` }] },
        ]),
        ['d40', {}],
        ['$ref', '#/d0'],
      ]),
    ],
    [
      'lengths over lengths',
      Array.from({ length: 10 }).reduce<unknown>((items) => ({ type: 'array', items, minItems: 900 }), {
        type: 'string',
        minLength: 900,
      }),
    ],
    ['a long pattern', { type: 'string', pattern: '(a|b)'.repeat(1_000) }],
    ['repetitions in repetitions', { type: 'string', pattern: '((((a{900}){900}){900}){900}){900}' }],
  ])('%s cost no time', (_, schema) => {
    const startedAtMs = performance.now()
    try {
      grammarOf(schema)
    } catch (error) {
      expect(toErrorData(error).reason).toBe('schema-unsupported')
    }
    // Seconds, where the unbounded way would take the age of the universe.
    expect(performance.now() - startedAtMs).toBeLessThan(5_000)
  })
})
