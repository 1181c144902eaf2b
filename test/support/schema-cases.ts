import { COMBINED_CASES } from './combined-schema-cases.ts'
import { closed, type SchemaCase, text, whole } from './schema-case.ts'

/** What zod 4 adds to its integers. */
const zodInt = { type: 'integer', minimum: -9007199254740991, maximum: 9007199254740991 }
const zodUuid =
  '^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)$'
const zodDate =
  '^(?:(?:\\d\\d[2468][048]|\\d\\d[13579][26]|\\d\\d0[48]|[02468][048]00|[13579][26]00)-02-29|\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|(?:02)-(?:0[1-9]|1\\d|2[0-8])))$'
const zodEmail =
  "^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$"

/** Forms as zod, pydantic, OpenAI's documentation and people write them. */
export const SCHEMA_CASES: readonly SchemaCase[] = [
  // Plain types.
  { name: 'any value', schema: {}, valid: [1, 'a', null, [{}]], invalid: [] },
  { name: 'true', schema: true, valid: [{ a: [1] }], invalid: [] },
  { name: 'a text', schema: text, valid: ['', 'a"b\\c', '漢'], invalid: [1, null] },
  { name: 'a number', schema: { type: 'number' }, valid: [0, -1.5, 2e10], invalid: ['1'] },
  { name: 'an integer', schema: whole, valid: [0, -7, 123456], invalid: [1.5, '1'] },
  { name: 'a boolean', schema: { type: 'boolean' }, valid: [true, false], invalid: [0] },
  { name: 'null', schema: { type: 'null' }, valid: [null], invalid: [0, false] },
  { name: 'any object', schema: { type: 'object' }, valid: [{}, { a: { b: 1 } }], invalid: [[]] },
  { name: 'any list', schema: { type: 'array' }, valid: [[], [1, 'a']], invalid: [{}] },
  { name: 'several types', schema: { type: ['string', 'null'] }, valid: ['a', null], invalid: [1] },
  { name: 'number or integer', schema: { type: ['number', 'integer'] }, valid: [1, 1.5], invalid: ['1'] },
  // Objects.
  {
    name: 'OpenAI: a calendar event',
    schema: closed({ name: text, date: text, participants: { type: 'array', items: text } }),
    valid: [
      { name: 'Fair', date: 'Friday', participants: ['Alice', 'Bob'] },
      { name: '', date: '', participants: [] },
    ],
    invalid: [
      { name: 'Fair', date: 'Friday' },
      { name: 1, date: '', participants: [] },
      { name: '', date: '', participants: [], more: 1 },
    ],
  },
  {
    name: 'OpenAI: steps of a solution',
    schema: closed({
      steps: { type: 'array', items: closed({ explanation: text, output: text }) },
      final_answer: text,
    }),
    valid: [{ steps: [{ explanation: 'a', output: 'b' }], final_answer: 'c' }],
    invalid: [{ steps: [{ explanation: 'a' }], final_answer: 'c' }],
  },
  {
    name: 'optional properties',
    schema: closed({ a: whole, b: text, c: whole, d: text }, ['b']),
    valid: [{ b: '' }, { a: 1, b: '' }, { b: '', d: '' }, { a: 1, b: '', c: 2, d: '' }],
    invalid: [{}, { a: 1 }, { b: 1 }],
  },
  {
    name: 'nothing required',
    schema: closed({ a: whole, b: whole }, []),
    valid: [{}, { a: 1 }, { b: 1 }, { a: 1, b: 1 }],
    invalid: [{ c: 1 }],
  },
  { name: 'no properties at all', schema: closed({}), valid: [{}], invalid: [{ a: 1 }] },
  {
    name: 'required without a schema of its own',
    schema: { type: 'object', required: ['a'], properties: { b: whole } },
    valid: [{ b: 1, a: 'x' }, { a: [] }],
    invalid: [{ b: 1 }],
  },
  {
    name: 'properties without a type',
    schema: { properties: { a: whole }, required: ['a'] },
    valid: [{ a: 1 }],
    invalid: [{ a: 'x' }],
  },
  {
    name: 'names that need care',
    schema: closed({ 'a "b"': whole, 'ü/~': whole, constructor: whole, $ref: text }),
    valid: [{ 'a "b"': 1, 'ü/~': 2, constructor: 3, $ref: 'x' }],
    invalid: [{ 'a "b"': 1 }],
  },
  {
    name: 'zod: a record',
    schema: { type: 'object', propertyNames: text, additionalProperties: { type: 'number' } },
    valid: [{}, { a: 1, b: 2.5 }],
    invalid: [{ a: 'x' }],
  },
  {
    name: 'a record beside properties',
    schema: { type: 'object', properties: { id: whole, ideal: whole }, required: ['id'], additionalProperties: text },
    valid: [{ id: 1 }, { id: 1, i: 'x', idea: 'x', ida: 'x' }, { id: 1, ideal: 2, other: '' }],
    invalid: [{ id: 'x' }, { id: 1, ideal: 'x' }, { id: 1, other: 1 }],
  },
  {
    name: 'a record of at least one and at most two',
    schema: { type: 'object', additionalProperties: whole, minProperties: 1, maxProperties: 2 },
    valid: [{ a: 1 }, { a: 1, b: 2 }],
    invalid: [{}, { a: 1, b: 2, c: 3 }],
  },
  {
    name: 'names by a pattern',
    schema: { type: 'object', patternProperties: { '^x-[a-z]+$': whole }, additionalProperties: false },
    valid: [{}, { 'x-a': 1 }],
    invalid: [{ y: 1 }, { 'x-a': 'b' }],
  },
  {
    name: 'names from a list',
    schema: { type: 'object', propertyNames: { enum: ['de', 'en'] }, additionalProperties: text },
    valid: [{ de: 'a' }, { de: 'a', en: 'b' }],
    invalid: [{ fr: 'a' }],
  },
  {
    name: 'objects in objects',
    schema: closed({ a: closed({ b: closed({ c: whole }) }) }),
    valid: [{ a: { b: { c: 1 } } }],
    invalid: [{ a: { b: {} } }],
  },
  {
    name: 'thirty optional properties',
    schema: closed(Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`key${index}`, whole])), []),
    valid: [{}, { key3: 1, key29: 2 }],
    invalid: [{ key30: 1 }],
  },
  // Lists.
  { name: 'a list of integers', schema: { type: 'array', items: whole }, valid: [[], [1, 2]], invalid: [['a']] },
  {
    name: 'two or three',
    schema: { type: 'array', items: whole, minItems: 2, maxItems: 3 },
    valid: [
      [1, 2],
      [1, 2, 3],
    ],
    invalid: [[1], [1, 2, 3, 4]],
  },
  {
    name: 'at least one',
    schema: { type: 'array', items: text, minItems: 1 },
    valid: [['a'], ['a', 'b']],
    invalid: [[]],
  },
  { name: 'none', schema: { type: 'array', maxItems: 0 }, valid: [[]], invalid: [[1]] },
  {
    name: 'zod: a tuple',
    schema: { type: 'array', prefixItems: [text, whole], items: false, minItems: 2 },
    valid: [['a', 1]],
    invalid: [['a', 'b'], ['a', 1, 2], ['a']],
  },
  {
    name: 'a tuple that goes on',
    schema: { type: 'array', prefixItems: [text], items: whole, minItems: 2, maxItems: 4 },
    valid: [
      ['a', 1],
      ['a', 1, 2, 3],
    ],
    invalid: [['a'], ['a', 'b'], ['a', 1, 2, 3, 4]],
  },
  {
    name: 'draft 7: a tuple',
    schema: { type: 'array', items: [whole, text], additionalItems: false, minItems: 2, maxItems: 2 },
    valid: [[1, 'a']],
    invalid: [['a', 1]],
  },
  {
    name: 'lists of lists',
    schema: { type: 'array', items: { type: 'array', items: { type: 'boolean' }, maxItems: 2 } },
    valid: [[[true], []]],
    invalid: [[[1]]],
  },
  // Values.
  {
    name: 'an enum',
    schema: { type: 'string', enum: ['low', 'high "x"', ''] },
    valid: ['low', 'high "x"', ''],
    invalid: ['mid'],
  },
  {
    name: 'an enum of many kinds',
    schema: { enum: [1, 'a', null, true, { a: [1] }] },
    valid: [1, 'a', null, true],
    invalid: [2, false, { a: [2] }],
  },
  {
    name: 'an enum with a type',
    schema: { type: 'integer', enum: [1, 'a', 2.5, 3] },
    valid: [1, 3],
    invalid: ['a', 2.5],
  },
  { name: 'a const', schema: { const: 'only' }, valid: ['only'], invalid: ['other'] },
  { name: 'a const beside an enum', schema: { const: 'b', enum: ['a', 'b'] }, valid: ['b'], invalid: ['a'] },
  // Numbers.
  { name: '0 to 99', schema: { type: 'integer', minimum: 0, maximum: 99 }, valid: [0, 9, 10, 99], invalid: [-1, 100] },
  {
    name: '-17 to 123',
    schema: { type: 'integer', minimum: -17, maximum: 123 },
    valid: [-17, -9, 0, 7, 99, 100, 123],
    invalid: [-18, 124],
  },
  { name: 'at least 18', schema: { type: 'integer', minimum: 18 }, valid: [18, 19, 99, 100, 1000], invalid: [17, -1] },
  { name: 'at most -5', schema: { type: 'integer', maximum: -5 }, valid: [-5, -6, -10, -1000], invalid: [-4, 0, 5] },
  {
    name: 'between 5 and 7, without',
    schema: { type: 'integer', exclusiveMinimum: 5, exclusiveMaximum: 7 },
    valid: [6],
    invalid: [5, 7],
  },
  {
    name: 'draft 4: above 5',
    schema: { type: 'integer', minimum: 5, exclusiveMinimum: true, maximum: 6 },
    valid: [6],
    invalid: [5],
  },
  { name: 'zod: any integer', schema: zodInt, valid: [0, -5, 123456789], invalid: [1.5] },
  { name: 'a share', schema: { type: 'number', minimum: 0, maximum: 1 }, valid: [0.25, 0.07], invalid: [-0.1, 1.1] },
  {
    name: 'a positive number',
    schema: { type: 'number', exclusiveMinimum: 0 },
    valid: [0.01, 12.34],
    invalid: [0, -1],
  },
  {
    name: 'a temperature',
    schema: { type: 'number', minimum: -273.15, maximum: 100 },
    valid: [-273.15, -3.25, 20.5, 99.99],
    invalid: [-273.16, 100.01],
  },
  // Texts.
  {
    name: '2 to 4 characters',
    schema: { type: 'string', minLength: 2, maxLength: 4 },
    valid: ['ab', 'äöü🦊'],
    invalid: ['a', 'abcde'],
  },
  { name: 'not empty', schema: { type: 'string', minLength: 1 }, valid: ['a'], invalid: [''] },
  {
    name: 'at most 3,000',
    schema: { type: 'string', maxLength: 3_000 },
    valid: ['', 'x'.repeat(2_500)],
    invalid: ['x'.repeat(3_001)],
  },
  {
    name: 'a pattern, anchored',
    schema: { type: 'string', pattern: '^[A-Z]{2}-\\d{3,4}$' },
    valid: ['AB-123', 'AB-1234'],
    invalid: ['AB-12', 'ab-123', 'AB-123 '],
  },
  { name: 'a pattern, anywhere', schema: { type: 'string', pattern: 'b+c' }, valid: ['bc', 'aabbc!'], invalid: ['ac'] },
  {
    name: 'a pattern at the end',
    schema: { type: 'string', pattern: '\\.(png|jpe?g)$' },
    valid: ['a.png', '.jpg', 'b.jpeg'],
    invalid: ['a.gif', 'a.png!'],
  },
  {
    name: 'a pattern with quotes',
    schema: { type: 'string', pattern: '^"[^"\\\\]*"$' },
    valid: ['""', '"a"'],
    invalid: ['a', '"a"b"'],
  },
  {
    name: 'a pattern with choices',
    schema: { type: 'string', pattern: '^(?:yes|no(?<why> because.+)?)$' },
    valid: ['yes', 'no', 'no because x'],
    invalid: ['no because', 'maybe'],
  },
  {
    name: 'a pattern and a length that it keeps',
    schema: { type: 'string', pattern: '^[a-z]{3,5}$', minLength: 2, maxLength: 9 },
    valid: ['abc'],
    invalid: ['ab'],
  },
  {
    name: 'a phone number',
    schema: { type: 'string', pattern: '^(\\([0-9]{3}\\))?[0-9]{3}-[0-9]{4}$' },
    valid: ['555-1212', '(888)555-1212'],
    invalid: ['(888)555-1212 ext'],
  },
  {
    name: 'zod: a uuid',
    schema: { type: 'string', format: 'uuid', pattern: zodUuid },
    valid: ['3b241101-e2bb-4255-8caf-4136c566a962'],
    invalid: ['3b241101', ''],
  },
  {
    name: 'zod: a date',
    schema: { type: 'string', format: 'date', pattern: zodDate },
    valid: ['2024-02-29', '1999-12-31'],
    invalid: ['2023-02-29', '2024-13-01'],
  },
  {
    name: 'zod: an email',
    schema: { type: 'string', format: 'email', pattern: zodEmail },
    valid: ['a.b@example.com'],
    invalid: ['a@b', '@x.de'],
  },
  {
    name: 'a moment',
    schema: { type: 'string', format: 'date-time' },
    valid: ['2024-01-05T12:30:00Z'],
    invalid: ['2024-01-05', 'now'],
  },
  {
    name: 'a date and a time',
    schema: closed({ d: { type: 'string', format: 'date' }, t: { type: 'string', format: 'time' } }),
    valid: [{ d: '2024-01-05', t: '12:30:00Z' }],
    invalid: [{ d: 'x', t: 'y' }],
  },
  {
    name: 'addresses',
    schema: closed({
      ip: { type: 'string', format: 'ipv4' },
      url: { type: 'string', format: 'uri' },
      host: { type: 'string', format: 'hostname' },
    }),
    valid: [{ ip: '10.0.0.255', url: 'https://a.example/x', host: 'a.example' }],
    invalid: [{ ip: '256.0.0.1', url: 'x', host: '-' }],
  },
  { name: 'a format that nobody knows', schema: { type: 'string', format: 'colour' }, valid: ['red'], invalid: [1] },
  ...COMBINED_CASES,
]
