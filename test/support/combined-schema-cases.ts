import { closed, nullable, type SchemaCase, text, whole } from './schema-case.ts'

/** Schemas that are put together from others. */
export const COMBINED_CASES: readonly SchemaCase[] = [
  {
    name: 'pydantic: an optional field',
    schema: closed({ name: text, age: nullable(whole) }),
    valid: [
      { name: 'a', age: null },
      { name: 'a', age: 3 },
    ],
    invalid: [{ name: 'a', age: 'x' }],
  },
  {
    name: 'OpenAPI: nullable',
    schema: closed({ a: { type: 'string', nullable: true } }),
    valid: [{ a: null }, { a: 'x' }],
    invalid: [{ a: 1 }],
  },
  {
    name: 'anyOf objects',
    schema: { anyOf: [closed({ a: whole }), closed({ b: text })] },
    valid: [{ a: 1 }, { b: 'x' }],
    invalid: [{ a: 'x' }, { a: 1, b: 'x' }],
  },
  {
    name: 'zod: a discriminated union',
    schema: {
      oneOf: [
        closed({ kind: { type: 'string', const: 'circle' }, r: { type: 'number' } }),
        closed({ kind: { type: 'string', const: 'square' }, side: { type: 'number' } }),
      ],
    },
    valid: [
      { kind: 'circle', r: 1 },
      { kind: 'square', side: 2 },
    ],
    invalid: [{ kind: 'circle', side: 2 }],
  },
  {
    name: 'oneOf types',
    schema: { oneOf: [text, whole, { type: 'array', items: text }] },
    valid: ['a', 1, ['a']],
    invalid: [true],
  },
  {
    name: 'anyOf beside properties',
    schema: {
      type: 'object',
      properties: { a: whole, b: whole },
      additionalProperties: false,
      anyOf: [{ required: ['a'] }, { required: ['b'] }],
    },
    valid: [{ a: 1 }, { b: 1 }, { a: 1, b: 1 }],
    invalid: [{}],
  },
  {
    name: 'allOf objects',
    schema: {
      allOf: [
        { type: 'object', properties: { a: whole }, required: ['a'] },
        { type: 'object', properties: { b: text }, required: ['b'] },
      ],
    },
    valid: [{ a: 1, b: 'x' }],
    invalid: [{ a: 1 }, { b: 'x' }],
  },
  {
    name: 'allOf bounds',
    schema: { allOf: [{ type: 'integer', minimum: 3 }, { maximum: 5 }] },
    valid: [3, 5],
    invalid: [2, 6],
  },
  {
    name: 'pydantic: a field by reference, with a description',
    schema: {
      $defs: { Colour: { enum: ['red', 'blue'], type: 'string' } },
      ...closed({ c: { allOf: [{ $ref: '#/$defs/Colour' }], description: 'x', default: 'red' } }),
    },
    valid: [{ c: 'red' }],
    invalid: [{ c: 'green' }],
  },
  {
    name: 'pydantic: a union by reference',
    schema: {
      $defs: {
        Cat: { type: 'object', title: 'Cat', properties: { lives: whole }, required: ['lives'] },
        Dog: { type: 'object', properties: { barks: { type: 'boolean' } }, required: ['barks'] },
      },
      type: 'object',
      properties: { pet: { anyOf: [{ $ref: '#/$defs/Cat' }, { $ref: '#/$defs/Dog' }], title: 'Pet' } },
      required: ['pet'],
    },
    valid: [{ pet: { lives: 9 } }, { pet: { barks: true } }],
    invalid: [{ pet: {} }],
  },
  {
    name: 'draft 7: definitions',
    schema: { definitions: { 'a/b': whole }, type: 'array', items: { $ref: '#/definitions/a~1b' } },
    valid: [[1]],
    invalid: [['a']],
  },
  {
    name: 'OpenAI: a recursive component',
    schema: closed({
      type: { type: 'string', enum: ['div', 'button'] },
      label: text,
      children: { type: 'array', items: { $ref: '#' } },
    }),
    valid: [{ type: 'div', label: '', children: [{ type: 'button', label: 'x', children: [] }] }],
    invalid: [{ type: 'div', label: '', children: [{ type: 'x', label: '', children: [] }] }],
  },
  {
    name: 'a linked list',
    schema: {
      $defs: { node: closed({ value: whole, next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } }) },
      ...closed({ head: { $ref: '#/$defs/node' } }),
    },
    valid: [{ head: { value: 1, next: { value: 2, next: null } } }],
    invalid: [{ head: { value: 1 } }],
  },
  {
    name: 'two schemas that refer to each other',
    schema: {
      $defs: { a: closed({ b: nullable({ $ref: '#/$defs/b' }) }), b: closed({ a: nullable({ $ref: '#/$defs/a' }) }) },
      $ref: '#/$defs/a',
    },
    valid: [{ b: null }, { b: { a: { b: null } } }],
    invalid: [{ a: null }, {}],
  },
  {
    name: 'a reference beside a description',
    schema: {
      $defs: { n: { type: 'integer', minimum: 0, maximum: 9 } },
      ...closed({ n: { $ref: '#/$defs/n', description: 'how many' } }),
    },
    valid: [{ n: 5 }],
    invalid: [{ n: 10 }],
  },
  {
    name: 'a reference beside a bound',
    schema: { $defs: { n: { type: 'integer', minimum: 0 } }, ...closed({ n: { $ref: '#/$defs/n', maximum: 3 } }) },
    valid: [{ n: 0 }, { n: 3 }],
    invalid: [{ n: 4 }, { n: -1 }],
  },
  {
    name: 'an agent’s next step',
    schema: closed({
      thought: { type: 'string', maxLength: 200 },
      action: {
        anyOf: [
          closed({ tool: { const: 'search' }, query: text }),
          closed({ tool: { const: 'finish' }, answer: text, confidence: { type: 'number', minimum: 0, maximum: 1 } }),
        ],
      },
    }),
    valid: [
      { thought: '', action: { tool: 'search', query: 'x' } },
      { thought: 'x', action: { tool: 'finish', answer: 'y', confidence: 0.5 } },
    ],
    invalid: [{ thought: '', action: { tool: 'finish', query: 'x' } }],
  },
]
