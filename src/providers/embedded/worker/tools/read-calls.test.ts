import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readCalls } from './read-calls.ts'
import { PLAIN_SYNTAX, TOOL_SYNTAXES, type ToolSyntax } from './tool-syntax.ts'

const names = new Set(['get_weather', 'add'])
const byName = (name: string): ToolSyntax => TOOL_SYNTAXES.find((syntax) => syntax.name === name) ?? PLAIN_SYNTAX

/** What each family writes, as its template shows earlier calls. */
const WRITTEN: readonly [family: string, text: string, calls: readonly [string, unknown][]][] = [
  ['hermes', '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>', [['add', { a: 1 }]]],
  [
    'hermes',
    '<tool_call>{"name":"add","arguments":{"a":1}}</tool_call>\n<tool_call>\n{"name": "get_weather", "arguments": {}}\n</tool_call>',
    [
      ['add', { a: 1 }],
      ['get_weather', {}],
    ],
  ],
  ['hermes', '<tool_call>\n{"name": "add", "arguments": "{\\"a\\": 1}"}\n</tool_call>', [['add', { a: 1 }]]],
  ['llama-3', '{"name": "get_weather", "parameters": {"city": "a } b"}}', [['get_weather', { city: 'a } b' }]]],
  [
    'mistral',
    '[TOOL_CALLS][{"name": "add", "arguments": {"a": [1, 2]}}, {"name": "add", "arguments": {}}]',
    [
      ['add', { a: [1, 2] }],
      ['add', {}],
    ],
  ],
  [
    'mistral-args',
    '[TOOL_CALLS]add[ARGS]{"a": 1}[TOOL_CALLS]get_weather[CALL_ID]abc123def[ARGS]{"city": "x"}',
    [
      ['add', { a: 1 }],
      ['get_weather', { city: 'x' }],
    ],
  ],
  [
    'deepseek',
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{"a": 1}\n```<｜tool▁call▁end｜>\n' +
      '<｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    [
      ['add', { a: 1 }],
      ['add', {}],
    ],
  ],
  [
    'deepseek-3.1',
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>add<｜tool▁sep｜>{"a": 1}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    [['add', { a: 1 }]],
  ],
  ['granite', '<|tool_call|>[{"name": "add", "arguments": {"a": 1}}]', [['add', { a: 1 }]]],
  ['phi', '<|tool_call|>[{"name": "add", "arguments": {"a": 1}}]<|/tool_call|>', [['add', { a: 1 }]]],
  ['phi', '<|tool_call|>{"name": "add", "arguments": {"a": 1}}<|/tool_call|>', [['add', { a: 1 }]]],
  [
    'qwen-coder',
    '<tool_call>\n<function=get_weather>\n<parameter=city>\nSan Jose\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>',
    [['get_weather', { city: 'San Jose', days: 3 }]],
  ],
  ['harmony', '<|channel|>commentary to=functions.add <|constrain|>json<|message|>{"a": 1}', [['add', { a: 1 }]]],
]

describe('calls are read as their family writes them', () => {
  test.each(WRITTEN)('%s: %s', (family, text, expected) => {
    const calls = readCalls(text, byName(family), names)
    expect(calls?.map((call) => [call.name, JSON.parse(call.arguments)])).toEqual(expected)
  })

  test('every family has a case', () => {
    expect(new Set(WRITTEN.map(([family]) => family))).toEqual(new Set(TOOL_SYNTAXES.map(({ name }) => name)))
  })
})

describe('what is no call stays text', () => {
  test.each([
    ['a tool that there is not', 'hermes', '<tool_call>\n{"name": "rm", "arguments": {}}\n</tool_call>'],
    ['cut', 'hermes', '<tool_call>\n{"name": "add", "arguments": {"a": 1'],
    ['no arguments', 'llama-3', '{"name": "add"}'],
    ['arguments that are no object', 'hermes', '<tool_call>{"name": "add", "arguments": 3}</tool_call>'],
    ['something after it', 'llama-3', '{"name": "add", "parameters": {}} or so'],
    ['nothing but the mark', 'mistral', '[TOOL_CALLS]'],
    ['no JSON', 'mistral-args', '[TOOL_CALLS]add[ARGS]{a: 1}'],
  ])('%s', (_, family, text) => {
    expect(readCalls(text, byName(family), names)).toBeUndefined()
  })
})

test('what the grammar of a family writes is read back, whatever the arguments are', () => {
  const value = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.constant(null)), { maxKeys: 4 })
  const syntaxes = [...TOOL_SYNTAXES, PLAIN_SYNTAX].filter(({ form }) => form !== 'tags')
  fc.assert(
    fc.property(fc.constantFrom(...syntaxes), fc.array(value, { minLength: 1, maxLength: 3 }), (syntax, all) => {
      const { opening, afterName, closing, between, ending } = syntax
      const given = between === undefined ? all.slice(0, 1) : all
      const written = given.map((each) => `add${afterName}${JSON.stringify(each)}${closing}`)
      const text = opening + written.join(between) + ending
      const read = readCalls(text, syntax, names)
      expect(read?.map((call) => JSON.parse(call.arguments) as unknown)).toEqual(
        given.map((each) => JSON.parse(JSON.stringify(each)) as unknown),
      )
    }),
  )
})

test('a hostile text takes no time', () => {
  const text = `<tool_call>${'{"name":'.repeat(20_000)}`
  for (const syntax of [...TOOL_SYNTAXES, PLAIN_SYNTAX]) expect(readCalls(text, syntax, names)).toBeUndefined()
})
