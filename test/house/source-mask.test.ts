import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maskSource } from './source-mask.ts'

/** The code that is left, without the blanks. */
function codeOf(text: string): string {
  return maskSource(text).code.replace(/\s+/g, ' ').trim()
}

test.each([
  ['a line comment', 'a() // b()\nc()', 'a() c()'],
  ['a block comment', 'a() /* b()\n */ c()', 'a() c()'],
  ['a string', "a('b()') ", "a( ')"],
  ['a quote in a string', String.raw`a('it\'s b()', c)`, "a( ', c)"],
  ['a comment in a string', 'a("// b()") + c()', "a( ') + c()"],
  ['a template', 'a(`b() ${c(`d() ${e()}`)} f()`)', "a( 'c( 'e() ') ')"],
  ['braces in a template', '`${ { a: { b } } }` + c', "' { a: { b } } ' + c"],
  ['a regular expression', 'a(/b() \\/ "[/]/g) + c', "a( 'g) + c"],
  ['a division', 'a / b() / c', 'a / b() / c'],
  ['a regular expression that is returned', 'return /"/.test(a)', "return '.test(a)"],
])('tells code from %s', (_name, text, code) => {
  expect(codeOf(text)).toBe(code)
})

test('keeps the comments', () => {
  const { comments } = maskSource("a('// b') // c\n/* d */ e")
  expect(comments.trim().replace(/\s+/g, ' ')).toBe('// c /* d */')
})

test('keeps every offset and every line end, whatever the text', () => {
  const pieces = fc.constantFrom(
    'a',
    '/',
    '*',
    "'",
    '"',
    '`',
    '${',
    '}',
    '{',
    '\\',
    '\n',
    '//',
    '/*',
    '*/',
    ' ',
    '[',
    ']',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      const text = parts.join('')
      const { code, comments } = maskSource(text)
      for (const mask of [code, comments]) {
        expect(mask.length).toBe(text.length)
        expect(mask.split('\n').length).toBe(text.split('\n').length)
      }
    }),
    { numRuns: 500 },
  )
})
