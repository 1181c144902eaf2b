import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ollamaParams } from './ollama-params.ts'

test('what grym has too is taken over under its names', () => {
  const all = {
    temperature: 0.6,
    top_p: 0.95,
    top_k: 20,
    min_p: 0.05,
    seed: 7,
    repeat_penalty: 1.1,
    frequency_penalty: 0.5,
    presence_penalty: -0.5,
    num_predict: 100,
    num_ctx: 4_096,
    stop: ['<|end|>', 'User:'],
  }
  expect(ollamaParams([JSON.stringify(all)])).toEqual({
    contextTokens: 4_096,
    maxTokens: 100,
    stop: ['<|end|>', 'User:'],
    sampling: {
      temperature: 0.6,
      topP: 0.95,
      topK: 20,
      minP: 0.05,
      seed: 7,
      repeatPenalty: 1.1,
      frequencyPenalty: 0.5,
      presencePenalty: -0.5,
    },
  })
})

test.each([
  ['{}', {}],
  ['{"temperature": "hot", "num_ctx": 3, "stop": "x", "top_k": 1.5}', {}],
  ['{"seed": -1, "num_predict": -1, "mirostat": 2, "num_thread": 8}', {}],
  ['{"temperature": 0, "top_p": 1}', { sampling: { temperature: 0, topP: 1 } }],
  ['{"stop": []}', {}],
])('%s: what cannot be meant here is as if unset', (text, settings) => {
  expect(ollamaParams([text])).toEqual(settings)
})

test('of 17 stop strings 16 are taken', () => {
  const stop = Array.from({ length: 17 }, (_, index) => `s${index}`)
  expect(ollamaParams([JSON.stringify({ stop })])?.stop).toEqual(stop.slice(0, 16))
})

test('a later layer wins, option by option', () => {
  const settings = ollamaParams(['{"temperature": 1, "top_k": 5}', '{"temperature": 0.5}'])
  expect(settings).toEqual({ sampling: { temperature: 0.5, topK: 5 } })
})

test.each(['', '[]', 'null', '7', '{'])('%j is none', (text) => {
  expect(ollamaParams(['{}', text])).toBeUndefined()
})

test('whatever the JSON, there are settings or none', () => {
  fc.assert(fc.property(fc.json(), (text) => ['object', 'undefined'].includes(typeof ollamaParams([text]))))
})
