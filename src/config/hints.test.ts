import { expect, test } from 'vitest'
import { type Config, resolveConfig } from './config.ts'
import { parseConfigFile } from './config-file.ts'
import { OPTIONS } from './options.ts'

function configOf(env: Record<string, string>, text?: string): Config {
  const file = text === undefined ? undefined : parseConfigFile({ path: '/grym.yaml', text, userHome: '/' })
  return resolveConfig({ env, flags: {}, file })
}

test.each<[string, string, string, unknown]>([
  ['OLLAMA_KEEP_ALIVE', '24h', 'limits.inactivityTimeout', 86_400_000],
  ['OLLAMA_KEEP_ALIVE', '300', 'limits.inactivityTimeout', 300_000],
  ['OLLAMA_KEEP_ALIVE', '1h30m0s', 'limits.inactivityTimeout', 5_400_000],
  ['OLLAMA_KEEP_ALIVE', '-1', 'limits.inactivityTimeout', Infinity],
  ['OLLAMA_KEEP_ALIVE', '0', 'limits.inactivityTimeout', 0],
  ['OLLAMA_MAX_LOADED_MODELS', '2', 'limits.maxModelsLoaded', 2],
  ['OLLAMA_NUM_PARALLEL', '4', 'models.parallel', 4],
  ['OLLAMA_MAX_QUEUE', '64', 'limits.maxQueuedRequests', 64],
  ['OLLAMA_LOAD_TIMEOUT', '10m', 'limits.loadTimeout', 600_000],
  ['OLLAMA_CONTEXT_LENGTH', '4096', 'models.contextTokens', 4_096],
  ['OLLAMA_KV_CACHE_TYPE', 'q8_0', 'models.kvType', 'q8_0'],
  ['OLLAMA_KV_CACHE_TYPE', ' "q8_0" ', 'models.kvType', 'q8_0'],
])('%s=%s is %s %j', (variable, text, key, value) => {
  const config = configOf({ [variable]: text })
  expect(config.values[key]).toBe(value)
  expect(config.origins[key]).toBe('hint')
  expect(config.sources[key]).toBe(variable)
  expect(config.notices).toEqual([])
})

test.each([
  ['OLLAMA_MAX_LOADED_MODELS', '0'],
  ['OLLAMA_NUM_PARALLEL', '0'],
  ['OLLAMA_CONTEXT_LENGTH', '0'],
  ['OLLAMA_KEEP_ALIVE', ''],
  ['OLLAMA_KV_CACHE_TYPE', '""'],
  ['OLLAMA_MODELS', '/m'],
])('%s=%j says nothing', (variable, text) => {
  const { origins, notices } = configOf({ [variable]: text })
  expect(new Set(Object.values(origins))).toEqual(new Set(['default']))
  expect(notices).toEqual([])
})

test.each([
  ['OLLAMA_LOAD_TIMEOUT', '0', 'limits.loadTimeout'],
  ['OLLAMA_KV_CACHE_TYPE', 'q3_0', 'models.kvType'],
  ['OLLAMA_CONTEXT_LENGTH', '255', 'models.contextTokens'],
  ['OLLAMA_MAX_QUEUE', 'lots', 'limits.maxQueuedRequests'],
])('%s=%s cannot be used: a notice, and the default', (variable, text, key) => {
  const { origins, notices } = configOf({ [variable]: text })
  expect(origins[key]).toBe('default')
  expect(notices).toEqual([expect.stringMatching(`^Not used: ${variable} \\(${key}\\): .* is not allowed: `)])
})

test('whatever we are told ourselves comes first', () => {
  const env = { OLLAMA_MAX_QUEUE: '64' }
  expect(configOf({ ...env, GRYM_MAX_QUEUED_REQUESTS: '7' }).origins['limits.maxQueuedRequests']).toBe('environment')
  expect(configOf(env, 'limits: { maxQueuedRequests: 7 }').origins['limits.maxQueuedRequests']).toBe('file')
  // An unusable hint beside a value of ours is nobody's business.
  expect(configOf({ OLLAMA_MAX_QUEUE: 'x', GRYM_MAX_QUEUED_REQUESTS: '7' }).notices).toEqual([])
})

test('hints are variables of Ollama’s, each of one option', () => {
  const variables = OPTIONS.flatMap(({ hint }) => hint?.variable ?? [])
  expect(variables.every((name) => /^OLLAMA_[A-Z_]+$/.test(name))).toBe(true)
  expect(new Set(variables).size).toBe(variables.length)
})
