import { expect, test } from 'vitest'
import { ollamaDisplayName, ollamaNameKey, withoutDefaultTag } from './ollama-name.ts'

test.each([
  [['registry.ollama.ai', 'library', 'llama3.2', '1b'], 'llama3.2:1b'],
  [['registry.ollama.ai', 'library', 'llama3.2', 'latest'], 'llama3.2:latest'],
  [['registry.ollama.ai', 'user', 'model', 'tag'], 'user/model:tag'],
  [['hf.co', 'user', 'repo-GGUF', 'Q4_K_M'], 'hf.co/user/repo-GGUF:Q4_K_M'],
  [['localhost:5000', 'library', 'model', 'tag'], 'localhost:5000/library/model:tag'],
  [['registry.ollama.ai', 'library', '.DS_Store', 'latest'], undefined],
  [['registry.ollama.ai', '..', 'model', 'latest'], undefined],
  [['registry.ollama.ai', 'library', 'a b', 'latest'], undefined],
  [['registry.ollama.ai', 'library', 'm', 'x'.repeat(81)], undefined],
] as const)('%j is shown as %j', ([host, namespace, model, tag], name) => {
  expect(ollamaDisplayName(host, namespace, model, tag)).toBe(name)
})

test.each([
  ['llama3.2', 'llama3.2:latest'],
  ['Llama3.2:1B', 'llama3.2:1b'],
  ['library/llama3.2:1b', 'llama3.2:1b'],
  ['registry.ollama.ai/library/llama3.2', 'llama3.2:latest'],
  ['registry.ollama.ai/user/model:tag', 'user/model:tag'],
  ['user/model', 'user/model:latest'],
  ['hf.co/user/repo:Q4_K_M', 'hf.co/user/repo:q4_k_m'],
  ['localhost:5000/user/model', 'localhost:5000/user/model:latest'],
])('%s means %s', (written, key) => {
  expect(ollamaNameKey(written)).toBe(key)
})

test('the default tag may go without saying, others not', () => {
  expect(withoutDefaultTag('llama3.2:latest')).toBe('llama3.2')
  expect(withoutDefaultTag('llama3.2:1b')).toBeUndefined()
})

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
