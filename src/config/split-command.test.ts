import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { splitCommand } from './split-command.ts'

describe('a command line', () => {
  test.each<[string, string[]]>([
    ['llama-server -m a.gguf  --port ${port}\n', ['llama-server', '-m', 'a.gguf', '--port', '${port}']],
    [`a 'b c' "d e"`, ['a', 'b c', 'd e']],
    [`a'b c'd""`, ['ab cd']],
    [`'' ""`, ['', '']],
    [String.raw`a\ b 'c\d' "e\"f\g"`, ['a b', String.raw`c\d`, String.raw`e"f\g`]],
    ['a $HOME *.gguf `x` ~', ['a', '$HOME', '*.gguf', '`x`', '~']],
    [String.raw`C:\\bin\\x.exe`, [String.raw`C:\bin\x.exe`]],
    ['', []],
    ['  ', []],
    ['a\\', ['a\\']],
  ])('%j is %j', (written, words) => {
    expect(splitCommand(written)).toEqual(words)
  })

  test.each([`a 'b`, `a "b`, `"a\\"`])('with an open quote is none: %s', (written) => {
    expect(splitCommand(written)).toBeUndefined()
  })

  test('gives back any words that were quoted', () => {
    const quoted = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        expect(splitCommand(words.map(quoted).join(' '))).toEqual(words)
      }),
    )
  })
})
