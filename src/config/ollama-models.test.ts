import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { resolveConfig } from './config.ts'
import { ollamaModelFolders } from './ollama-models.ts'

test('without a word of anyone: the user’s folder, on Linux the service’s after it', () => {
  const env = { HOME: '/home/you' }
  expect(ollamaModelFolders(env, 'linux')).toEqual(['/home/you/.ollama/models', '/usr/share/ollama/.ollama/models'])
  expect(ollamaModelFolders(env, 'darwin')).toEqual(['/home/you/.ollama/models'])
})

test('on Windows the profile counts, whatever HOME a shell has', () => {
  const env = { HOME: '/c/Users/you', USERPROFILE: 'C:\\Users\\you' }
  expect(ollamaModelFolders(env, 'win32')).toEqual(['C:\\Users\\you\\.ollama\\models'])
})

test.each(['/big/models', ' "/big/models" ', "'/big/models'"])(
  'OLLAMA_MODELS=%s takes the place of all others',
  (it) => {
    expect(ollamaModelFolders({ HOME: '/home/you', OLLAMA_MODELS: it }, 'linux')).toEqual([resolve('/big/models')])
  },
)

test('an empty OLLAMA_MODELS is none', () => {
  expect(ollamaModelFolders({ HOME: '/home/you', OLLAMA_MODELS: ' ' }, 'darwin')).toEqual(['/home/you/.ollama/models'])
})

test('models.ollama: no looks nowhere', () => {
  const folders = (env: Record<string, string>): readonly string[] =>
    resolveConfig({ env: { OLLAMA_MODELS: '/big/models', ...env }, flags: {} }).ollamaFolders
  expect(folders({})).toEqual([resolve('/big/models')])
  expect(folders({ GRYM_USE_OLLAMA_MODELS: 'no' })).toEqual([])
})
