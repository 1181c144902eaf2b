import fc from 'fast-check'
import { expect, test } from 'vitest'
import { printableJson, printableLine, printableText } from './printable-text.ts'

test('words stay, and what a terminal would obey goes', () => {
  expect(printableText('Grüße 🦊\tend')).toBe('Grüße 🦊\tend')
  expect(printableText('\u001b]0;title\u0007\u001b[2Jgone\u009b31m\u007f\u0000')).toBe(']0;title[2Jgone31m')
  expect(printableText('one\r\ntwo\rthree\n')).toBe('one\ntwo\nthree\n')
  expect(printableLine('a\r\n\tb')).toBe('a b')
})

test('JSON means the same as before, and holds no control character', () => {
  expect(printableJson({ text: '\u009b31m\u001b' })).toBe(String.raw`{"text":"\u009b31m\u001b"}`)
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const json = printableJson({ text }, 2)
      expect(JSON.parse(json)).toEqual({ text })
      expect(printableText(json)).toBe(json)
    }),
  )
})
