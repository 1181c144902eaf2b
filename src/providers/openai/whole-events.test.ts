import { describe, expect, test } from 'vitest'
import { WholeEvents } from './whole-events.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text)
const text = (taken: Uint8Array): string => Buffer.from(taken).toString('utf8')

describe('a stream is cut between its events', () => {
  test.each([
    ['whole ones pass at once', ['data: a\n\ndata: b\n\n'], ['data: a\n\ndata: b\n\n'], ''],
    ['a half one waits', ['data: a\n\ndata: b', '\n\n'], ['data: a\n\n', 'data: b\n\n'], ''],
    ['an end in two pieces', ['data: a\n', '\n'], ['', 'data: a\n\n'], ''],
    [
      'lines that end in CRLF',
      ['data: a\r\n\r\ndata', ': b\r\n\r', '\n'],
      ['data: a\r\n\r\n', '', 'data: b\r\n\r\n'],
      '',
    ],
    ['a line feed inside an event is no end', ['event: x\ndata: a\n'], [''], 'event: x\ndata: a\n'],
    ['a character in two pieces', ['data: \u00e4\n\nda'], ['data: \u00e4\n\n'], 'da'],
  ])('%s', (_, pieces, taken, rest) => {
    const events = new WholeEvents()
    expect(pieces.map((piece) => text(events.take(bytes(piece))))).toEqual(taken)
    expect(text(events.rest)).toBe(rest)
  })

  test('an event of 4 MiB waits, and one byte more is refused', () => {
    const events = new WholeEvents()
    expect(events.take(new Uint8Array(4_194_303).fill(0x61))).toHaveLength(0)
    expect(events.take(bytes('a'))).toHaveLength(0)
    expect(() => events.take(bytes('a'))).toThrow('4194304 bytes')
  })
})
