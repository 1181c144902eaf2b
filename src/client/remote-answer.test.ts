import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BreakableLine } from '../../test/support/breakable-line.ts'
import { ServedManager } from '../../test/support/served-manager.ts'
import type { InferChunk, InferRequest } from '../spec/admin.ts'
import type { AnswerPart } from '../spec/chat.ts'
import { resourceError } from '../spec/errors.ts'
import { type Asked, begin, finish } from '../testing/scripted-manager.ts'
import { GrymClient } from './grym-client.ts'
import { RemoteServices } from './remote-services.ts'

/*
 * Answers over HTTP: what the manager behind says, and what becomes of them when one side leaves.
 */

let served: ServedManager
let line: BreakableLine
let remote: RemoteServices

beforeEach(async () => {
  served = await ServedManager.start()
  line = await BreakableLine.to(served.url)
  remote = new RemoteServices(new GrymClient(line.url))
})

afterEach(async () => {
  remote.destroy()
  await line[Symbol.asyncDispose]()
  await served[Symbol.asyncDispose]()
})

const plain: InferRequest = {
  model: 'a',
  messages: [{ role: 'user', content: 'hi' }],
  sampling: {},
  stop: [],
  isStreamed: true,
}

function ask(changes: Partial<InferRequest> = {}, signal = new AbortController().signal): AsyncIterator<InferChunk> {
  return remote.manager.infer({ ...plain, ...changes }, signal)
}

/** An answer that has begun: one text was read. */
async function begun(signal?: AbortSignal): Promise<{ chunks: AsyncIterator<InferChunk>; asked: Asked }> {
  const chunks = ask({}, signal)
  const first = chunks.next()
  const asked = await served.manager.next()
  begin(asked)
  asked.answer.push({ type: 'text', text: 'Hel' })
  expect((await first).value).toMatchObject({ type: 'start' })
  expect((await chunks.next()).value).toEqual({ type: 'text', text: 'Hel' })
  return { chunks, asked }
}

/** Everything that comes, to the end. */
async function rest(chunks: AsyncIterator<InferChunk>): Promise<InferChunk[]> {
  const all: InferChunk[] = []
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) all.push(next.value)
  return all
}

describe('a whole answer', () => {
  test('is start, text, end, with the receipts', async () => {
    void served.manager.answerNext('🦊', 'Grüße ')
    const receipt = {
      requestId: expect.stringMatching(/^chatcmpl-/) as unknown,
      modelId: 'a',
      queueWaitMs: 3,
      loadMs: 4,
    }
    expect(await rest(ask())).toEqual([
      { type: 'start', receipt },
      { type: 'text', text: 'Grüße ' },
      { type: 'text', text: '🦊' },
      {
        type: 'end',
        finishReason: 'stop',
        usage: { promptTokens: 10, cachedTokens: 6, generatedTokens: 2 },
        receipt,
      },
    ])
  })

  test('says where it is kept from the start, and how it ended', async () => {
    const chunks = ask({ conversation: { owner: 'local' } })
    const first = chunks.next()
    const { answer } = await served.manager.next()
    const receipt = { requestId: 'r1', modelId: 'more/ü%2F', queueWaitMs: 1, loadMs: 2, conversationId: 'conv_1' }
    answer.push({ type: 'start', receipt })
    expect((await first).value).toMatchObject({ receipt: { modelId: 'more/ü%2F', conversationId: 'conv_1' } })
    const usage = { promptTokens: 1, cachedTokens: 0, generatedTokens: 0 }
    const end = {
      type: 'end',
      finishReason: 'length',
      usage,
      receipt: { ...receipt, conversationId: 'conv_2' },
    } as const
    answer.push(end)
    answer.end()
    expect(await rest(chunks)).toMatchObject([{ ...end, receipt: { conversationId: 'conv_2', queueWaitMs: 1 } }])
  })
})

describe('what an answer is made of', () => {
  const usage = { promptTokens: 1, cachedTokens: 0, generatedTokens: 5, reasoningTokens: 2 }
  const weighed = { token: 'Hi', bytes: [72, 105], logprob: -0.5 }
  const logprobs = [{ ...weighed, top: [weighed, { token: '\uFFFD', bytes: null, logprob: -1.5 }] }]

  async function answered(request: Partial<InferRequest>, parts: readonly AnswerPart[]): Promise<InferChunk[]> {
    const chunks = rest(ask(request))
    const asked = await served.manager.next()
    begin(asked)
    for (const part of parts) asked.answer.push(part)
    const receipt = { requestId: 'r1', modelId: 'a', queueWaitMs: 0, loadMs: 0 }
    asked.answer.push({ type: 'end', finishReason: 'toolCalls', usage, receipt })
    asked.answer.end()
    return (await chunks).slice(1)
  }

  test('reasoning, text with log probabilities and calls arrive as they were said', async () => {
    const parts: AnswerPart[] = [
      { type: 'reasoning', text: 'Hm.' },
      { type: 'text', text: 'Hi', logprobs },
      { type: 'toolCall', call: { id: 'one', name: 'add', arguments: '{"a":1}' } },
      { type: 'toolCall', call: { id: 'two', name: 'add', arguments: '{}' } },
    ]
    const chunks = await answered({}, parts)
    expect(chunks.slice(0, -1)).toEqual(parts)
    expect(chunks.at(-1)).toMatchObject({ type: 'end', finishReason: 'toolCalls', usage })
  })

  test('text that is continued, too', async () => {
    const request = { messages: [], completion: { prompt: 'a', suffix: 'b' }, topLogprobs: 2, maxTokens: 5 }
    const chunks = await answered(request, [{ type: 'text', text: 'Hi', logprobs }])
    const bare = { token: 'Hi', bytes: null, logprob: -0.5 }
    const told = [{ ...bare, top: [bare, { token: '\uFFFD', bytes: null, logprob: -1.5 }] }]
    expect(chunks[0]).toEqual({ type: 'text', text: 'Hi', logprobs: told })
    const { conversation: _, ...asked } = served.manager.asked[0]?.request ?? plain
    expect(asked).toEqual({ ...plain, ...request })
  })

  test.each<[string, Partial<InferRequest>]>([
    ['tools', { tools: [{ name: 'add', description: 'adds', parameters: { type: 'object' }, strict: true }] }],
    ['a forced tool', { tools: [{ name: 'add' }], toolChoice: { name: 'add' }, parallelToolCalls: false }],
    ['any tool', { tools: [{ name: 'add' }], toolChoice: 'required' }],
    ['a schema', { format: { type: 'schema', schema: { type: 'object' } } }],
    ['any object', { format: { type: 'json' } }],
    ['log probabilities', { topLogprobs: 0 }],
    ['no thinking', { thinking: false }],
    ['a stay', { wish: { keepAliveMs: 2_500, priority: -3, pinned: true } }],
    ['no timer', { wish: { keepAliveMs: null } }],
    ['leaving at once', { wish: { keepAliveMs: 0 } }],
  ])('%s are asked for as they were said', async (_, wish) => {
    await answered(wish, [])
    const { conversation, ...asked } = served.manager.asked[0]?.request ?? plain
    expect(asked).toEqual({ ...plain, ...wish })
    expect(conversation).toBeUndefined()
  })
})

describe('what is asked', () => {
  test('arrives as it was said', async () => {
    const request: InferRequest = {
      model: 'more/b',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: '' },
        {
          role: 'assistant',
          content: '',
          reasoning: 'hm',
          toolCalls: [{ id: 'call_1', name: 'look_up', arguments: '{ "n": 1 }' }],
        },
        { role: 'tool', content: '18 °C', toolCallId: 'call_1' },
      ],
      sampling: {
        temperature: 0.5,
        topK: 3,
        topP: 0.9,
        minP: 0.1,
        seed: -7,
        repeatPenalty: 1.1,
        frequencyPenalty: -2,
        presencePenalty: 2,
      },
      maxTokens: 9,
      stop: ['\n', 'END'],
      isStreamed: true,
      conversation: { owner: 'local', explicitId: 'mine' },
    }
    const answered = served.manager.answerNext('x')
    await rest(remote.manager.infer(request, new AbortController().signal))
    expect((await answered).request).toEqual(request)
  })

  test.each<[string, InferRequest['conversation']]>([
    ['is not to be kept', undefined],
    ['is to be found by its messages', { owner: 'local' }],
    ['has a name', { owner: 'local', explicitId: 'mine' }],
    ['has a name that no header carries', { owner: 'local', explicitId: ' Gespräch 🦊\n"7" ' }],
    ['has a name of 256 characters', { owner: 'local', explicitId: 'ü'.repeat(256) }],
  ])('a conversation that %s', async (_, conversation) => {
    const answered = served.manager.answerNext('x')
    await rest(ask({ conversation }))
    expect((await answered).request.conversation).toEqual(conversation)
  })

  test('a name of 257 characters is refused', async () => {
    const chunks = ask({ conversation: { owner: 'local', explicitId: 'x'.repeat(257) } })
    await expect(chunks.next()).rejects.toMatchObject({ reason: 'invalid-request' })
  })
})

describe('a failure', () => {
  test('before the first text has its reason and its words', async () => {
    const first = ask().next()
    const { answer } = await served.manager.next()
    answer.fail(resourceError('context-too-long', 'Too long.'))
    await expect(first).rejects.toMatchObject({
      name: 'ResourceError',
      code: resourceError('context-too-long', '').code,
      reason: 'context-too-long',
      message: 'Too long.',
    })
  })

  test.each(['engine-lost', 'engine-stuck', 'internal'] as const)('in the middle: %s', async (reason) => {
    const { chunks, asked } = await begun()
    asked.answer.push({ type: 'text', text: 'lo' })
    asked.answer.fail(resourceError(reason, 'It ended.'))
    expect((await chunks.next()).value).toEqual({ type: 'text', text: 'lo' })
    await expect(chunks.next()).rejects.toMatchObject({ name: 'ResourceError', reason, message: 'It ended.' })
    expect(await chunks.next()).toEqual({ done: true, value: undefined })
  })

  test('a connection that breaks is a daemon that cannot be reached, and the daemon frees the place', async () => {
    const { chunks, asked } = await begun()
    const next = chunks.next()
    line.break()
    await expect(next).rejects.toMatchObject({ name: 'ResourceError', reason: 'daemon-unreachable' })
    await expect.poll(() => asked.signal.aborted).toBe(true)
  })
})

describe('a reader that leaves frees the place', () => {
  test('by aborting before the first text', async () => {
    const leaving = new AbortController()
    const first = ask({}, leaving.signal).next()
    const asked = await served.manager.next()
    leaving.abort()
    await expect(first).rejects.toMatchObject({ name: 'ResourceError', reason: 'request-cancelled' })
    await expect.poll(() => asked.signal.aborted).toBe(true)
  })

  test('by aborting in the middle', async () => {
    const leaving = new AbortController()
    const { chunks, asked } = await begun(leaving.signal)
    const next = chunks.next()
    leaving.abort()
    await expect(next).rejects.toMatchObject({ name: 'ResourceError', reason: 'request-cancelled' })
    await expect.poll(() => asked.signal.aborted).toBe(true)
  })

  test('by a signal that was aborted already: nobody is asked', async () => {
    await expect(ask({}, AbortSignal.abort()).next()).rejects.toMatchObject({ reason: 'request-cancelled' })
    expect(served.manager.asked).toEqual([])
  })

  test('by return() between two chunks', async () => {
    const { chunks, asked } = await begun()
    expect(await chunks.return?.()).toEqual({ done: true, value: undefined })
    await expect.poll(() => asked.signal.aborted).toBe(true)
    expect(await chunks.next()).toEqual({ done: true, value: undefined })
  })

  test('by return() while a chunk is awaited', async () => {
    const { chunks, asked } = await begun()
    const next = chunks.next()
    const left = chunks.return?.()
    await expect(next).rejects.toMatchObject({ reason: 'request-cancelled' })
    expect(await left).toEqual({ done: true, value: undefined })
    await expect.poll(() => asked.signal.aborted).toBe(true)
  })

  test('by return() before anything was asked', async () => {
    const chunks = ask()
    await chunks.return?.()
    expect(await chunks.next()).toEqual({ done: true, value: undefined })
    expect(served.manager.asked).toEqual([])
  })

  test('and after the end there is nothing to free', async () => {
    const chunks = ask()
    const first = chunks.next()
    const asked = await served.manager.next()
    begin(asked)
    finish(asked)
    await first
    await rest(chunks)
    await chunks.return?.()
    await remote.manager.status()
    expect(asked.signal.aborted).toBe(false)
  })
})
