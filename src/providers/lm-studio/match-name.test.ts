import { expect, test } from 'vitest'
import { matchName } from './match-name.ts'

const models = [
  'google/gemma-3-4b',
  'mistralai/mistral-7b-q4_k_m',
  'qwen2.5-7b-instruct',
  'a/twin-1b',
  'b/twin-1b',
  'tiny-gguf@q8_0',
  'tiny-mlx-4bit',
].map((key) => ({ key }))

test.each([
  ['google/gemma-3-4b', 'google/gemma-3-4b'],
  ['Google/Gemma-3-4B', 'google/gemma-3-4b'],
  ['gemma-3-4b', 'google/gemma-3-4b'],
  ['mistral-7b', 'mistralai/mistral-7b-q4_k_m'],
  ['mistral-7b-q4_k_m', 'mistralai/mistral-7b-q4_k_m'],
  ['a/twin-1b', 'a/twin-1b'],
  // A part of the name is another model's name, or will be one day.
  ['qwen2.5-7b', undefined],
  ['gemma', undefined],
  ['', undefined],
  // Two models: which one is meant is not to be guessed.
  ['twin-1b', undefined],
  ['tiny', undefined],
])('%s is %s', (name, key) => {
  expect(matchName(models, name)?.key).toBe(key)
})

test('a whole key wins over the last part of another one', () => {
  expect(matchName([{ key: 'x/llama' }, { key: 'llama' }], 'llama')?.key).toBe('llama')
})
