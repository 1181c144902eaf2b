import { expect, test } from 'vitest'
import { ProcessOutput } from './process-output.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

test('pieces become lines, each stream by itself', () => {
  const output = new ProcessOutput()
  output.add('stdout', bytes('one\r\ntw'))
  output.add('stderr', bytes('bad\n'))
  output.add('stdout', bytes('o\nthree'))
  expect(output.lines).toEqual(['one', 'bad', 'two', 'three'])
  expect(output.text).toBe('one\nbad\ntwo\nthree')
})

test('a letter that is cut in two is whole', () => {
  const output = new ProcessOutput()
  for (const byte of bytes('ä🙂\n')) output.add('stdout', Uint8Array.of(byte))
  expect(output.lines).toEqual(['ä🙂'])
})

test('the last 500 lines are kept, of each 2,000 letters', () => {
  const output = new ProcessOutput()
  for (let line = 0; line <= 500; line++) output.add('stdout', bytes(`${line}\n`))
  expect(output.lines).toHaveLength(500)
  expect(output.lines[0]).toBe('1')
  output.add('stdout', bytes('x'.repeat(1_999)))
  output.add('stdout', bytes('yz'))
  output.add('stdout', bytes('z'.repeat(1_000_000)))
  expect(output.lines.at(-1)).toBe(`${'x'.repeat(1_999)}y`)
  output.add('stdout', bytes(`\n${'w'.repeat(2_001)}\n`))
  expect(output.lines.at(-1)).toHaveLength(2_000)
})

test('its tail is 20 lines and 4,000 letters at most', () => {
  const output = new ProcessOutput()
  expect(output.tail).toBe('')
  for (let line = 1; line <= 21; line++) output.add('stderr', bytes(`${line}\n`))
  expect(output.tail.split('\n')).toHaveLength(20)
  expect(output.tail).toMatch(/^2\n/)
  for (let line = 1; line <= 3; line++) output.note('x'.repeat(1_500))
  expect(output.tail).toHaveLength(4_000)
})
