import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { ScriptedUpstream } from '../../../test/support/scripted-upstream.ts'
import type { GenerateChunk, GenerateRequest } from '../../spec/chat.ts'
import { SystemClock } from '../../system/system-clock.ts'
import { LLAMA_SERVER } from './dialect.ts'
import { OpenAiUpstream } from './open-ai-upstream.ts'

const FOLDER = '../../../test/fixtures/engines/llama-server-b11434-2026-11-27/'
const ASKED: GenerateRequest = { messages: [{ role: 'user', content: 'hello' }], sampling: {}, stop: [] }
const never = (): AbortSignal => new AbortController().signal

/** An upstream that answers as a real llama-server did: status and type are in the first line of a recording. */
async function replaying(name: string, isCut = false): Promise<OpenAiUpstream> {
  const [head = '', ...lines] = readFileSync(new URL(FOLDER + name, import.meta.url), 'utf8').split('\n')
  const [, status, type] = /^# (\d+) (.*)$/.exec(head) ?? []
  const server = await ScriptedUpstream.start((_, response: ServerResponse) => {
    response.writeHead(Number(status), { 'content-type': type })
    const body = lines.join('\n')
    if (!isCut) return void response.end(body)
    response.write(body.slice(0, body.lastIndexOf('data: {')), () => response.destroy())
  })
  const upstream = new OpenAiUpstream({
    baseUrl: `${server.url}/v1`,
    engine: 'llama-server',
    clock: new SystemClock(),
    dialect: LLAMA_SERVER,
  })
  onTestFinished(async () => {
    await upstream.close()
    await server[Symbol.asyncDispose]()
  })
  return upstream
}

async function read(upstream: OpenAiUpstream, asked = ASKED): Promise<GenerateChunk[]> {
  return Array.fromAsync(upstream.chat('tiny', asked, never()))
}

test.each([
  ['chat-stream.txt', 0],
  ['chat-stream-cached.txt', 23],
])('%s', async (name, cachedTokens) => {
  const chunks = await read(await replaying(name))
  expect(chunks.at(-1)).toMatchObject({
    type: 'end',
    finishReason: 'length',
    usage: { promptTokens: 24, cachedTokens, generatedTokens: 4 },
  })
  expect(chunks.slice(0, -1).every(({ type }) => type === 'text')).toBe(true)
})

test('a whole answer reads like its stream', async () => {
  const usage = { promptTokens: 24, cachedTokens: 23, generatedTokens: 4 }
  expect((await read(await replaying('chat.txt'))).at(-1)).toMatchObject({ finishReason: 'length', usage })
})

test('log probabilities are those of the tokens', async () => {
  const chunks = await read(await replaying('chat-logprobs.txt'), { ...ASKED, topLogprobs: 2 })
  const told = chunks.flatMap((chunk) => (chunk.type === 'text' ? (chunk.logprobs ?? []) : []))
  expect(told).toHaveLength(2)
  for (const { logprob, top } of told) expect(top[0]?.logprob).toBe(logprob)
})

test('an answer that was held to a schema', async () => {
  const chunks = await read(await replaying('chat-schema.txt'))
  const text = chunks.map((chunk) => (chunk.type === 'text' ? chunk.text : '')).join('')
  expect([{ n: 1 }, { n: 2 }]).toContainEqual(JSON.parse(text))
  expect(chunks.at(-1)).toMatchObject({ finishReason: 'stop' })
})

test.each([
  ['chat-too-long.txt', 'context-too-long'],
  ['chat-too-long-stream.txt', 'context-too-long'],
  ['wrong-key-chat.txt', 'engine-refused'],
  ['chat-wrong-json.txt', 'engine-refused'],
  ['chat-of-embedding-model.txt', 'engine-error'],
])('%s is %s', async (name, reason) => {
  await expect(read(await replaying(name))).rejects.toMatchObject({ reason })
})

test('what it counted of a prompt that is too long is passed on', async () => {
  await expect(read(await replaying('chat-too-long.txt'))).rejects.toMatchObject({
    details: { promptTokens: 2519, contextTokens: 256 },
  })
})

test('an engine that was killed under its answer is lost', async () => {
  await expect(read(await replaying('chat-stream.txt', true))).rejects.toMatchObject({ reason: 'engine-lost' })
})

test('vectors', async () => {
  const upstream = await replaying('embeddings.txt')
  const { vectors, promptTokens } = await upstream.embed('tiny', ['one', 'another'], never())
  expect(vectors).toHaveLength(2)
  for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 4)
  expect(promptTokens).toBeGreaterThan(0)
})

test.each([
  ['embeddings-not-enabled.txt', 'engine-refused'],
  ['embeddings-too-long.txt', 'context-too-long'],
])('%s is %s', async (name, reason) => {
  const upstream = await replaying(name)
  await expect(upstream.embed('tiny', ['one'], never())).rejects.toMatchObject({ reason })
})
