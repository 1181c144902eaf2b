import { expect, test } from 'vitest'
import { ollamaNameKey } from './ollama-name.ts'

test('all ways to write a name are one', () => {
  for (const name of [
    'llama3.2',
    'llama3.2:latest',
    'library/llama3.2',
    'registry.ollama.ai/library/llama3.2:latest',
    'https://registry.ollama.ai/library/llama3.2',
    'LLaMA3.2',
  ]) {
    expect(ollamaNameKey(name)).toBe('llama3.2:latest')
  }
})

test('other hosts, namespaces and tags are kept', () => {
  expect(ollamaNameKey('llama3.2:1b')).toBe('llama3.2:1b')
  expect(ollamaNameKey('someone/model')).toBe('someone/model:latest')
  expect(ollamaNameKey('registry.ollama.ai/someone/model:x')).toBe('someone/model:x')
  expect(ollamaNameKey('hf.co/someone/repo:Q4_K_M')).toBe('hf.co/someone/repo:q4_k_m')
  expect(ollamaNameKey('localhost:5000/library/model')).toBe('localhost:5000/library/model:latest')
})
