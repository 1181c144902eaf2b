import { expect, test } from 'vitest'
import { ollamaAge } from './ollama-age.ts'

test('the design changed at 0.30', () => {
  for (const version of ['0.5.7', '0.17.4', 'v0.24.0', '0.29.9']) expect(ollamaAge(version)).toBe('own-runner')
  for (const version of ['0.30.0-rc0', '0.33.0', '1.0.0']) expect(ollamaAge(version)).toBe('llama-server')
  for (const version of ['0.0.0', 'unknown', '']) expect(ollamaAge(version)).toBe('unknown')
})
