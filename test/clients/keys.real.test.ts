import { createHash } from 'node:crypto'
import Anthropic, { AuthenticationError as AnthropicRefusal } from '@anthropic-ai/sdk'
import { Ollama } from 'ollama'
import OpenAI, { AuthenticationError as OpenAiRefusal } from 'openai'
import { expect, test } from 'vitest'
import { rejectionOf } from '../support/client-questions.ts'
import { smollm2Daemon } from '../support/smollm2-daemon.ts'

/* Each client sends its key in its own way, and hears in its own way that it is none. */

const KEY = 'a-key-that-only-this-test-knows'
const sha256 = createHash('sha256').update(KEY).digest('hex')
const { daemon } = smollm2Daemon(`keys: { laptop: { sha256: '${sha256}' } }`)

test('openai', async () => {
  const models = (apiKey: string): OpenAI.Models =>
    new OpenAI({ baseURL: `${daemon().url}/v1`, apiKey, maxRetries: 0 }).models
  expect((await models(KEY).list()).data.map(({ id }) => id)).toContain('smollm2')
  expect(await rejectionOf(models('another').list())).toBeInstanceOf(OpenAiRefusal)
})

test.each(['apiKey', 'authToken'] as const)('@anthropic-ai/sdk, by its %s', async (field) => {
  const models = (key: string): Anthropic['models'] =>
    new Anthropic({ baseURL: daemon().url, apiKey: null, authToken: null, [field]: key, maxRetries: 0 }).models
  expect((await models(KEY).list()).data.map(({ id }) => id)).toContain('smollm2')
  expect(await rejectionOf(models('another').list())).toBeInstanceOf(AnthropicRefusal)
})

test('ollama', async () => {
  const client = (key: string): Ollama =>
    new Ollama({ host: daemon().url, headers: { Authorization: `Bearer ${key}` } })
  expect((await client(KEY).list()).models.map(({ name }) => name)).toContain('smollm2')
  expect(await rejectionOf(client('another').list())).toMatchObject({ name: 'ResponseError', status_code: 401 })
})
