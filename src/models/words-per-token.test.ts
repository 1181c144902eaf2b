import fc from 'fast-check'
import { expect, test } from 'vitest'
import { promptWords } from '../spec/prompt-words.ts'
import { wordsPerToken } from './words-per-token.ts'

/** How each kind writes a text into its vocabulary. */
const WRITTEN: Readonly<Record<string, (text: string) => string>> = {
  gpt2: (text) => [...Buffer.from(text)].map(byteCharacter).join(''),
  llama: (text) => text.replaceAll(' ', '\u2581'),
}

/** `bytes_to_unicode` of GPT-2 (https://github.com/openai/gpt-2/blob/master/src/encoder.py). */
function byteCharacter(byte: number): string {
  const isPrintable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173)
  if (isPrintable) return String.fromCodePoint(byte)
  const before = Array.from({ length: byte }, (_, at) => at).filter(
    (at) => !((at >= 33 && at <= 126) || (at >= 161 && at !== 173)),
  )
  return String.fromCodePoint(256 + before.length)
}

const token = fc
  .array(fc.constantFrom('a', 'Z', ' ', '\n', "'", '’', '<', '>', '|', '7', 'é', '船', '🙂', '.'), {
    minLength: 1,
    maxLength: 8,
  })
  .map((characters) => characters.join(''))

test.for(['gpt2', 'llama'])('%s: no text has fewer tokens than its words by the words of a token', (kind) => {
  fc.assert(
    fc.property(
      fc.array(token, { minLength: 1, maxLength: 12 }),
      fc.array(fc.nat(), { maxLength: 30 }),
      (vocabulary, picks) => {
        const most =
          wordsPerToken(
            kind,
            vocabulary.map((text) => WRITTEN[kind]?.(text)),
          ) ?? 0
        const text = picks.map((pick) => vocabulary[pick % vocabulary.length]).join('')
        expect(promptWords(text)).toBeLessThanOrEqual(most * picks.length)
      },
    ),
    { numRuns: 2_000 },
  )
})

test('bytes that are part of a character stand in tokens of their own', () => {
  const bytes = [...Buffer.from('né a')].map((byte) => byteCharacter(byte))
  expect(wordsPerToken('gpt2', bytes)).toBe(1)
  expect(promptWords('né a')).toBeLessThanOrEqual(bytes.length)
})

test.for(['bert', 't5', undefined])('nothing is said of %s', (kind) => {
  expect(wordsPerToken(kind, ['a'])).toBeNull()
})
