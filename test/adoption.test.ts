import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createResourceManager, type ResourceManager } from '../src/index.ts'
import { tinyGguf } from '../src/testing/tiny-gguf.ts'
import { Daemon } from './support/daemon.ts'
import { OllamaGround } from './support/ollama-ground.ts'
import { TemporaryFolder } from './support/system-ground.ts'

/*
 * Models that Ollama has downloaded, served by the embedded engine: through the library and through a daemon.
 */

const LIBRARY = 'registry.ollama.ai/library'
const ECHO =
  "{% for message in messages %}{{ '[' + message['role'] + ']' + message['content'] }}{% endfor %}[assistant]"

let ground: TemporaryFolder
let ollama: OllamaGround

beforeEach(async () => {
  ground = await TemporaryFolder.make()
  ollama = new OllamaGround(ground.at('ollama'))
  await ollama.add(`${LIBRARY}/tiny/1b`, [
    ['model', tinyGguf({ chatTemplate: ECHO })],
    ['system', 'S'.repeat(40)],
    ['params', '{"num_predict": 3, "temperature": 0}'],
    ['template', '{{ .Prompt }}'],
  ])
  await ollama.add(`${LIBRARY}/plain/latest`, [['model', tinyGguf({ chatTemplate: ECHO })]])
  vi.stubEnv('OLLAMA_MODELS', ollama.folder)
  vi.stubEnv('GRYM_USE_OLLAMA_MODELS', 'yes')
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await ground[Symbol.asyncDispose]()
})

async function generated(manager: ResourceManager, model: string): Promise<{ text: string; promptTokens: number }> {
  let text = ''
  let promptTokens = 0
  for await (const chunk of manager.chat({ model, messages: [{ role: 'user', content: 'hello' }], maxTokens: 3 })) {
    if (chunk.type === 'text') text += chunk.text
    if (chunk.type === 'end') promptTokens = chunk.usage.promptTokens
  }
  return { text, promptTokens }
}

test('a library answers with one, under Ollama’s name and with its system prompt', { timeout: 60_000 }, async () => {
  const manager = createResourceManager({ home: ground.at('home'), mode: 'embedded' })
  try {
    const plain = await generated(manager, 'plain')
    const withSystem = await generated(manager, 'tiny:1b')
    expect(plain.text).not.toBe('')
    expect(withSystem.promptTokens).toBeGreaterThan(plain.promptTokens + 40)
    const { models } = await manager.getResourceMetrics()
    expect([...models.keys()].sort()).toEqual(['plain:latest', 'tiny:1b'])
  } finally {
    manager.destroy()
  }
})

test('a daemon lists and serves them, and leaves the store as it was', { timeout: 60_000 }, async () => {
  await ollama.add(`${LIBRARY}/big/cloud`, [], { remote_host: 'https://ollama.com:443' })
  await using daemon = await Daemon.start({ models: ground.at('own'), flags: ['--default-model', 'plain'] })
  expect((await daemon.client.models()).map(({ id }) => id)).toEqual(['plain:latest', 'tiny:1b'])
  const answer = await daemon.ask('tiny:1b', 'hello')
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ model: 'tiny:1b', choices: [{ finish_reason: expect.any(String) }] })
  const statuses = await Promise.all(['plain', 'tiny:1b'].map(async (model) => (await daemon.ask(model, 'x')).status))
  expect(statuses).toEqual([200, 200])
  expect(await daemon.workerPid('tiny:1b')).toBe(await daemon.workerPid('plain:latest'))
  const refused = await daemon.ask('big:cloud', 'hello')
  expect(refused.status).toBe(422)
  expect(await refused.json()).toMatchObject({ error: { reason: 'ollama-model-unusable' } })
})
