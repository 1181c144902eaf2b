import { expect, test } from 'vitest'
import { promptWords } from './prompt-words.ts'

test.for([
  { text: '', words: 0 },
  { text: 'A boat, a name.', words: 4 },
  { text: "don't", words: 1 },
  { text: 'naïve café', words: 2 },
  { text: '船の名前 2026 — !', words: 0 },
  { text: '<|im_start|>user hello<br/>', words: 2 },
  { text: 'a<b and c>d', words: 2 },
])('$text', ({ text, words }) => {
  expect(promptWords(text)).toBe(words)
})
