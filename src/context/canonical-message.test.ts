import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ChatMessage } from '../spec/chat.ts'
import { canonicalJson, canonicalMessage } from './canonical-message.ts'

const text = fc.string({ unit: 'binary' })
const message: fc.Arbitrary<ChatMessage> = fc.record(
  {
    role: fc.constantFrom('user', 'assistant', 'tool'),
    content: text,
    toolCalls: fc.array(fc.record({ id: text, name: text, arguments: fc.oneof(text, fc.json()) }), { maxLength: 3 }),
  },
  { requiredKeys: ['role', 'content'] },
)

function user(content: string): ChatMessage {
  return { role: 'user', content }
}

function call(json: string, id = 'call_1', name = 'look_up'): ChatMessage {
  return { role: 'assistant', content: '', toolCalls: [{ id, name, arguments: json }] }
}

test('white space around the text, line ends and composed letters make no difference', () => {
  const one = canonicalMessage(user('Où est-il ?\nÉcris.'))
  expect(canonicalMessage(user('  Ou\u0300 est-il ?\r\nE\u0301cris.\n'))).toBe(one)
  expect(canonicalMessage(user('Où est-il ?\rÉcris.'))).toBe(one)
  expect(canonicalMessage(user('Où est-il ? Écris.'))).not.toBe(one)
})

test('reasoning and ids are dropped, the role and the calls are not', () => {
  const plain: ChatMessage = { role: 'assistant', content: 'Yes' }
  expect(canonicalMessage({ ...plain, reasoning: 'hm' })).toBe(canonicalMessage(plain))
  expect(canonicalMessage({ ...plain, toolCalls: [] })).toBe(canonicalMessage(plain))
  expect(canonicalMessage({ role: 'tool', content: '4', toolCallId: 'a' })).toBe(
    canonicalMessage({ role: 'tool', content: '4', toolCallId: 'b' }),
  )
  expect(canonicalMessage(call('{}', 'a'))).toBe(canonicalMessage(call('{}', 'b')))
  expect(canonicalMessage(call('{}', 'a', 'other'))).not.toBe(canonicalMessage(call('{}', 'a')))
  expect(canonicalMessage({ ...plain, role: 'user' })).not.toBe(canonicalMessage(plain))
})

test.each([
  ['{"b":1,"a":[true,null]}', '{ "a": [true, null], "b": 1.0 }', '{"a":[true,null],"b":1}'],
  ['', '{ }', '{}'],
  ['1e2', '100.00', '100'],
  ['-0', '0.0e5', '0'],
  ['9007199254740993', '9007199254740993.0', '9007199254740993e0'],
  ['1e400', '10e399', '1e400'],
  ['0.10000000000000000555', '1.0000000000000000555E-1', '10000000000000000555e-20'],
  ['{"__proto__":1}', '{"__proto__": 1}', '{"__proto__":1}'],
  ['"\\u00e9"', '"é"', '"é"'],
])('%s and %s are the same arguments', (one, other, canonical) => {
  expect(canonicalJson(one)).toBe(canonical)
  expect(canonicalJson(other)).toBe(canonical)
})

test.each([
  ['9007199254740993', '9007199254740992'],
  ['{"a":"1"}', '{"a":1}'],
  ['[1,[2]]', '[[1],2]'],
  ['{"a":{"b":1}}', '{"a":1,"b":1}'],
  ['not json', '"not json"'],
  ['{"a":" x"}', '{"a":"x"}'],
])('%s and %s are not', (one, other) => {
  expect(canonicalJson(one)).not.toBe(canonicalJson(other))
})

test('arguments nested beyond all reason stay as text', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  expect(canonicalJson(deep)).toBe(deep)
  const allowed = '['.repeat(200) + ' ' + ']'.repeat(200)
  expect(canonicalJson(allowed)).toBe(allowed.replace(' ', ''))
  const oneMore = '['.repeat(202) + ' ' + ']'.repeat(202)
  expect(canonicalJson(oneMore)).toBe(oneMore)
})

test('an exponent beyond all reason leaves the arguments as text', () => {
  const long = `{"a": 1e${'9'.repeat(1_000_000)}}`
  expect(canonicalJson(long)).toBe(long)
})

test('long digits take no quadratic time', () => {
  expect(canonicalJson(`1${'0'.repeat(200_000)}1`)).toHaveLength(200_004)
})

test('property: the form of a canonical text is itself', () => {
  fc.assert(
    fc.property(fc.oneof(text, fc.json()), (json) => {
      // Exact spelling of a number that JavaScript cannot hold is JSON too, so this holds for every text.
      expect(canonicalJson(canonicalJson(json))).toBe(canonicalJson(json))
    }),
  )
})

test('property: order of keys and white space make no difference', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const turned = Object.fromEntries(Object.entries(value).toReversed())
      expect(canonicalJson(JSON.stringify(turned, null, 2))).toBe(canonicalJson(JSON.stringify(value)))
    }),
  )
})

test('property: the form can be read back, so different messages never have the same', () => {
  fc.assert(
    fc.property(message, ({ role, content, toolCalls = [] }) => {
      const parts = JSON.parse(canonicalMessage({ role, content, toolCalls })) as unknown
      const calls = toolCalls.map((each) => [each.name, canonicalJson(each.arguments)])
      expect(parts).toEqual([role, content.replaceAll(/\r\n?/g, '\n').normalize('NFC').trim(), calls])
    }),
  )
})

test('property: two values have the same form only when they are equal', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
      const [a, b] = [JSON.stringify(one), JSON.stringify(other)]
      const isSame = canonicalJson(a) === canonicalJson(b)
      expect(isSame).toBe(JSON.stringify(JSON.parse(canonicalJson(a))) === JSON.stringify(JSON.parse(canonicalJson(b))))
    }),
  )
})
