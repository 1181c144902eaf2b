import { expect, onTestFinished, test } from 'vitest'
import { FakeOllamaGround } from '../../../test/support/ollama-provider-ground.ts'
import type { GenerateRequest } from '../../spec/chat.ts'
import { ask, never, read, rejects, text } from '../../testing/contract-check.ts'

/*
 * What the contract does not ask of every provider: calls that a model makes of itself, thoughts, pictures, patience.
 */

async function start(...given: Parameters<typeof FakeOllamaGround.start>): Promise<FakeOllamaGround> {
  const started = await FakeOllamaGround.start(...given)
  onTestFinished(() => started[Symbol.asyncDispose]())
  return started
}

async function answer(
  { ground }: FakeOllamaGround,
  name: string,
  request: Partial<GenerateRequest>,
): Promise<Awaited<ReturnType<typeof read>>> {
  await ground.provider.load(await ground.define(name), never())
  return read(ground.provider.generate(name, { ...ask('hello', 32), ...request }, never()))
}

const TOOLS = [{ name: 'now', parameters: { type: 'object', properties: { zone: { type: 'string' } } } }]

test('calls that the model makes are passed on, several or the first only', async () => {
  const call = (zone: string): { name: string; arguments: { zone: string } } => ({ name: 'now', arguments: { zone } })
  const all = await start({ toolCalls: [call('UTC'), call('CET')] })
  const chunks = await answer(all, 'llama3.2:1b', { tools: TOOLS, maxTokens: 500 })
  expect(chunks).toMatchObject([
    { type: 'toolCall', call: { name: 'now', arguments: '{"zone":"UTC"}' } },
    { type: 'toolCall', call: { name: 'now', arguments: '{"zone":"CET"}' } },
    { type: 'end', finishReason: 'toolCalls' },
  ])
  const one = await answer(all, 'llama3.2:1b', { tools: TOOLS, maxTokens: 500, parallelToolCalls: false })
  expect(one.map(({ type }) => type)).toEqual(['toolCall', 'end'])
  const none = await answer(all, 'llama3.2:1b', { tools: TOOLS, toolChoice: 'none' })
  expect(none.at(-1)).toMatchObject({ type: 'end', finishReason: 'length' })
})

test('a call and its result are taken as history', async () => {
  const all = await start()
  const messages = [
    { role: 'user' as const, content: 'what time is it?' },
    { role: 'assistant' as const, content: '', toolCalls: [{ id: 'a', name: 'now', arguments: '{}' }] },
    { role: 'tool' as const, content: 'noon', toolCallId: 'a' },
  ]
  const short = (await answer(all, 'llama3.2:1b', { messages: messages.slice(0, 1) })).at(-1)
  const long = (await answer(all, 'llama3.2:1b', { messages })).at(-1)
  const promptTokens = [short, long].map((end) => (end?.type === 'end' ? end.usage.promptTokens : 0))
  expect(promptTokens[1]).toBeGreaterThan(promptTokens[0] ?? 0)
})

test('a model that thinks is told whether to; any other one is not troubled with it', async () => {
  const all = await start()
  const thoughts = await answer(all, 'qwen3:0.6b', { maxTokens: 64 })
  expect(thoughts[0]?.type).toBe('reasoning')
  const silent = await answer(all, 'qwen3:0.6b', { thinking: false })
  expect(silent.map(({ type }) => type)).not.toContain('reasoning')
  expect(text(await answer(all, 'llama3.2:1b', { thinking: true }))).toContain('You said')
})

test('what a model cannot do is refused in its own name', async () => {
  const all = await start()
  const images = [{ mimeType: 'image/png', base64: 'AAAA' }]
  for (const [request, reason] of [
    [{ messages: [{ role: 'user', content: 'what is this?', images }] }, 'images-unsupported'],
    [{ tools: TOOLS }, 'tools-unsupported'],
    [{ messages: [], completion: { prompt: 'a', suffix: 'b' } }, 'suffix-unsupported'],
  ] as const) {
    await rejects(reason, answer(all, 'smollm2:135m', request))
  }
  expect(all.ground.losses).toEqual([])
})

test('a load waits for a server that is busy', async () => {
  const { fake, ground } = await start({ maxQueue: 0, loadDelayMs: 400 })
  const [first, second] = [await ground.define('llama3.2:1b'), await ground.define('smollm2:135m')]
  await Promise.all([ground.provider.load(first, never()), ground.provider.load(second, never())])
  expect(fake.counters.refusedBusy).toBeGreaterThan(0)
  expect(fake.loaded).toHaveLength(2)
})

test('tokens cannot be counted, and that is said', async () => {
  const { ground } = await start()
  const counted = ground.provider.countTokens(await ground.define('llama3.2:1b'))
  await expect(counted).rejects.toMatchObject({ reason: 'counting-unsupported' })
})
