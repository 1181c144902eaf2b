import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TextStream } from './text-stream.ts'

/** A tokenizer whose tokens are bytes: the worst case of a character in pieces. */
function decodeBytes(tokens: readonly number[]): string {
  return Buffer.from(tokens).toString('utf8')
}

test('a character in four pieces is sent once it is whole', () => {
  const stream = new TextStream<number>(decodeBytes)
  const pieces = [...Buffer.from('🦊!')].map((byte) => stream.push(byte))
  expect(pieces).toEqual(['', '', '', '🦊', '!'])
  expect(stream.rest()).toBe('')
})

test('bytes that never become a character are sent as what they are, not held for ever', () => {
  const stream = new TextStream<number>(decodeBytes)
  const sent = [0xff, 0xff, 0xff, 0xff].map((byte) => stream.push(byte)).join('')
  expect(sent).toBe('\uFFFD'.repeat(4))
})

test('an answer that ends inside a character says so', () => {
  const stream = new TextStream<number>(decodeBytes)
  expect(stream.push(0xf0)).toBe('')
  expect(stream.rest()).toBe('\uFFFD')
})

test('whatever the text, the pieces together are the text and none of them is half a character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const stream = new TextStream<number>(decodeBytes)
      const pieces = [...Buffer.from(text)].map((byte) => stream.push(byte))
      expect(pieces.join('') + stream.rest()).toBe(text)
      for (const piece of pieces) expect(piece.includes('\uFFFD')).toBe(false)
    }),
  )
})

test('the tokenizer is given the few tokens before, so that it can place spaces', () => {
  const seen: number[][] = []
  const stream = new TextStream<number>((tokens, before) => {
    seen.push([...before])
    return decodeBytes(tokens)
  })
  for (const byte of Buffer.from('abcdefg')) stream.push(byte)
  expect(seen.at(-1)).toEqual([...Buffer.from('cdef')])
})
