import { afterEach, beforeEach, expect, test } from 'vitest'
import { ServedHome } from '../../test/support/served-home.ts'
import { resourceError } from '../spec/errors.ts'
import { begin, finish } from '../testing/scripted-manager.ts'
import type { ChatChunk } from './chat-types.ts'

/*
 * The library's answers over an instance that the test conducts.
 */

let ground: ServedHome

beforeEach(async () => {
  ground = await ServedHome.start()
})

afterEach(() => ground[Symbol.asyncDispose]())

const messages = [{ role: 'user' as const, content: 'hi' }]

async function all(chunks: AsyncIterable<ChatChunk>): Promise<ChatChunk[]> {
  const read: ChatChunk[] = []
  for await (const chunk of chunks) read.push(chunk)
  return read
}

test('is text as it comes, and one end', async () => {
  const answered = ground.served.manager.answerNext('lo', 'Hel')
  expect(await all(ground.library().chat({ model: 'a', messages, conversationId: 'mine' }))).toEqual([
    { type: 'text', text: 'Hel' },
    { type: 'text', text: 'lo' },
    {
      type: 'end',
      finishReason: 'stop',
      usage: { promptTokens: 10, cachedTokens: 6, generatedTokens: 2 },
      model: 'a',
      queueWaitMs: 3,
      loadMs: 4,
    },
  ])
  expect((await answered).request.conversation).toEqual({ owner: 'local', explicitId: 'mine' })
})

test('a request that is wrong is refused, and nobody is asked', async () => {
  const chunks = ground.library().chat({ messages: [], maxTokens: 0 })
  await expect(chunks.next()).rejects.toMatchObject({ code: 'SYSTEM_ERROR', reason: 'invalid-request' })
  expect(ground.served.manager.asked).toEqual([])
})

test('its own signal cancels it before the first text, and the model is free', async () => {
  const leaving = new AbortController()
  const first = ground.library().chat({ messages, signal: leaving.signal }).next()
  const asked = await ground.served.manager.next()
  leaving.abort()
  await expect(first).rejects.toMatchObject({ name: 'ResourceError', reason: 'request-cancelled' })
  await expect.poll(() => asked.signal.aborted).toBe(true)
})

test('its own signal cancels it in the middle, and the model is free', async () => {
  const leaving = new AbortController()
  const chunks = ground.library().chat({ messages, signal: leaving.signal })
  const first = chunks.next()
  const asked = await ground.served.manager.next()
  begin(asked)
  asked.answer.push({ type: 'text', text: 'Hel' })
  expect((await first).value).toEqual({ type: 'text', text: 'Hel' })
  const next = chunks.next()
  leaving.abort()
  await expect(next).rejects.toMatchObject({ name: 'ResourceError', reason: 'request-cancelled' })
  await expect.poll(() => asked.signal.aborted).toBe(true)
})

test('a signal that was aborted before asks nobody', async () => {
  const chunks = ground.library().chat({ messages, signal: AbortSignal.abort() })
  await expect(chunks.next()).rejects.toMatchObject({ reason: 'request-cancelled' })
  expect(ground.served.manager.asked).toEqual([])
})

test('leaving the loop early frees the model', async () => {
  const next = ground.served.manager.next()
  const left = (async () => {
    for await (const chunk of ground.library().chat({ messages })) return chunk
  })()
  const asked = await next
  begin(asked)
  asked.answer.push({ type: 'text', text: 'Hel' })
  expect(await left).toEqual({ type: 'text', text: 'Hel' })
  await expect.poll(() => asked.signal.aborted).toBe(true)
})

test('a failure in the middle keeps its reason', async () => {
  const chunks = ground.library().chat({ messages })
  const first = chunks.next()
  const asked = await ground.served.manager.next()
  begin(asked)
  asked.answer.push({ type: 'text', text: 'Hel' })
  await first
  asked.answer.fail(resourceError('engine-stuck', 'It hung.'))
  await expect(chunks.next()).rejects.toMatchObject({ reason: 'engine-stuck', message: 'It hung.' })
})

test('an instance that ends in the middle is no end of the answer', async () => {
  const chunks = ground.library().chat({ messages })
  const first = chunks.next()
  const asked = await ground.served.manager.next()
  begin(asked)
  asked.answer.push({ type: 'text', text: 'Hel' })
  await first
  const next = chunks.next()
  await ground.served[Symbol.asyncDispose]()
  await expect(next).rejects.toMatchObject({ name: 'ResourceError', reason: 'daemon-unreachable' })
})

test('two answers at once do not mix', async () => {
  const library = ground.library()
  const { manager } = ground.served
  const one = all(library.chat({ model: 'one', messages }))
  const first = await manager.next()
  const two = all(library.chat({ model: 'two', messages }))
  const second = await manager.next()
  for (const asked of [second, first]) {
    begin(asked)
    asked.answer.push({ type: 'text', text: asked.request.model ?? '' })
    finish(asked)
  }
  expect([(await one)[0], (await two)[0]]).toEqual([
    { type: 'text', text: 'one' },
    { type: 'text', text: 'two' },
  ])
})
