import { describe, expect, onTestFinished, test } from 'vitest'
import {
  ScriptedUpstream,
  type Script,
  sendChat,
  sendEvents,
  sendJson,
} from '../../../test/support/scripted-upstream.ts'
import type { GenerateChunk, GenerateRequest } from '../../spec/chat.ts'
import { resourceError } from '../../spec/errors.ts'
import { SystemClock } from '../../system/system-clock.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { OpenAiUpstream, type OpenAiUpstreamOptions } from './open-ai-upstream.ts'

const ASKED: GenerateRequest = { messages: [{ role: 'user', content: 'hello' }], sampling: {}, stop: [] }
const never = (): AbortSignal => new AbortController().signal

async function ground(
  script: Script,
  options: Partial<OpenAiUpstreamOptions> = {},
): Promise<{ server: ScriptedUpstream; upstream: OpenAiUpstream }> {
  const server = await ScriptedUpstream.start(script)
  const upstream = new OpenAiUpstream({
    baseUrl: `${server.url}/v1`,
    engine: 'the engine',
    clock: new SystemClock(),
    ...options,
  })
  onTestFinished(async () => {
    await upstream.close()
    await server[Symbol.asyncDispose]()
  })
  return { server, upstream }
}

async function read(answer: AsyncIterable<GenerateChunk>): Promise<GenerateChunk[]> {
  const chunks: GenerateChunk[] = []
  for await (const chunk of answer) chunks.push(chunk)
  return chunks
}

/** Moves a virtual clock on, timer by timer, none of them longer than 10 s, while sockets do their work. */
async function passTime(clock: VirtualClock, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    clock.runNext(clock.nowMs() + 10_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('an answer', () => {
  test('comes in parts and ends once, says who answers, and carries the headers', async () => {
    const { server, upstream } = await ground((_, response) => sendChat(response, ['Hel', 'lo'], 'the-model'), {
      headers: { authorization: 'Bearer secret' },
    })
    const answer = upstream.chat('the-model', ASKED, never())
    expect(answer.answeringModel).toBeUndefined()
    expect(await read(answer)).toMatchObject([
      { type: 'text', text: 'Hel' },
      { type: 'text', text: 'lo' },
      { type: 'end', finishReason: 'stop', usage: { promptTokens: 3, cachedTokens: null, generatedTokens: 2 } },
    ])
    expect(answer.answeringModel).toBe('the-model')
    expect(server.seen).toMatchObject([
      {
        method: 'POST',
        path: '/v1/chat/completions',
        headers: { authorization: 'Bearer secret' },
        body: { stream: true },
      },
    ])
  })

  test('of a completion is asked for at its own place', async () => {
    const { server, upstream } = await ground((_, response) => {
      sendEvents(response, [{ choices: [{ text: ' upon', finish_reason: 'length' }] }, '[DONE]'])
      response.end()
    })
    const asked = { ...ASKED, messages: [], completion: { prompt: 'Once' } }
    expect(await read(upstream.chat('m', asked, never()))).toMatchObject([
      { text: ' upon' },
      { finishReason: 'length' },
    ])
    expect(server.seen[0]?.path).toBe('/v1/completions')
  })

  test('may come whole although a stream was asked for', async () => {
    const { upstream } = await ground((_, response) =>
      sendJson(response, 200, { choices: [{ message: { content: 'all' }, finish_reason: 'stop' }] }),
    )
    expect(await read(upstream.chat('m', ASKED, never()))).toMatchObject([{ text: 'all' }, { type: 'end' }])
  })

  test('leaves its connection to the next one', async () => {
    const { server, upstream } = await ground((_, response) => sendChat(response, ['a']))
    for (let asked = 0; asked < 3; asked++) {
      await read(upstream.chat('m', ASKED, never()))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(server.connectionCount).toBe(1)
  })

  test('is asked for again when the connection that was kept has gone meanwhile', async () => {
    let requests = 0
    const { server, upstream } = await ground((_, response) => {
      requests++
      if (requests === 2) response.destroy()
      else sendChat(response, ['a'])
    })
    await read(upstream.chat('m', ASKED, never()))
    await new Promise((resolve) => setImmediate(resolve))
    expect(await read(upstream.chat('m', ASKED, never()))).toHaveLength(2)
    expect({ requests, connections: server.connectionCount }).toEqual({ requests: 3, connections: 2 })
  })

  test('ends as cancelled at once when its signal aborts, and its connection with it', async () => {
    const closed = Promise.withResolvers<void>()
    const { upstream } = await ground((_, response) => {
      response.on('close', closed.resolve)
      sendEvents(response, [{ choices: [{ delta: { content: 'a' } }] }])
    })
    const leaving = new AbortController()
    const answer = upstream.chat('m', ASKED, leaving.signal)
    expect(await answer.next()).toMatchObject({ value: { text: 'a' } })
    leaving.abort()
    await expect(answer.next()).rejects.toMatchObject({ reason: 'request-cancelled' })
    await closed.promise
  })

  test('that nobody reads any more ends its connection', async () => {
    const closed = Promise.withResolvers<void>()
    const { upstream } = await ground((_, response) => {
      response.on('close', closed.resolve)
      sendEvents(response, [{ choices: [{ delta: { content: 'a' } }] }])
    })
    for await (const chunk of upstream.chat('m', ASKED, never())) if (chunk.type === 'text') break
    await expect(closed.promise).resolves.toBeUndefined()
  })

  test('is not asked for when its signal has aborted before', async () => {
    const { server, upstream } = await ground((_, response) => sendChat(response, []))
    await expect(read(upstream.chat('m', ASKED, AbortSignal.abort()))).rejects.toMatchObject({
      reason: 'request-cancelled',
    })
    expect(server.seen).toEqual([])
  })
})

describe('what goes wrong', () => {
  test.each<[string, Script, string]>([
    [
      'the stream ends without an end',
      (_, response) => {
        sendEvents(response, [{ choices: [{ delta: { content: 'a' } }] }])
        response.end()
      },
      'engine-lost',
    ],
    [
      'the connection breaks',
      (_, response) => {
        sendEvents(response, [{ choices: [{ delta: { content: 'a' } }] }])
        setImmediate(() => response.destroy())
      },
      'engine-lost',
    ],
    ['the connection breaks before a reply', (_, response) => void response.destroy(), 'engine-lost'],
    [
      'it only says that it is done',
      (_, response) => {
        sendEvents(response, ['[DONE]'])
        response.end()
      },
      'engine-lost',
    ],
    [
      'an error comes as an event',
      (_, response) => {
        sendEvents(response, [{ choices: [{ delta: { content: 'a' } }] }, { error: { code: 500, message: 'no' } }])
        response.end()
      },
      'engine-error',
    ],
    [
      'an event is called an error',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end('event: error\ndata: {"message":"maximum context length"}\n\n')
      },
      'context-too-long',
    ],
    [
      'an error has a good status',
      (_, response) => sendJson(response, 200, { error: 'no such endpoint' }),
      'engine-refused',
    ],
    [
      'the token is wrong',
      (_, response) => sendJson(response, 401, { error: { message: 'no token' } }),
      'engine-refused',
    ],
    [
      'it sends to somewhere else',
      (_, response) => sendJson(response, 302, '', { location: 'http://example.com/' }),
      'engine-refused',
    ],
    ['the reply is no JSON', (_, response) => sendJson(response, 200, 'hello'), 'engine-lost'],
  ])('when %s', async (_, script, reason) => {
    const { upstream } = await ground(script)
    await expect(read(upstream.chat('m', ASKED, never()))).rejects.toMatchObject({ reason })
  })

  test('without the key, should the engine repeat it', async () => {
    const { upstream } = await ground((_, response) => sendJson(response, 401, { error: 'bad key s3cret!' }), {
      headers: { authorization: 'Bearer s3cret' },
    })
    await expect(read(upstream.chat('m', ASKED, never()))).rejects.toMatchObject({
      message: 'the engine refused the request; it said: bad key …!',
      details: { engineMessage: 'bad key …!' },
    })
  })

  test('when nobody listens, says so without the address', async () => {
    const { server, upstream } = await ground(() => {})
    await server[Symbol.asyncDispose]()
    await expect(read(upstream.chat('m', ASKED, never()))).rejects.toMatchObject({
      reason: 'engine-unreachable',
      message:
        'the engine does not answer at its address (ECONNREFUSED). Start it, or correct its address in the configuration.',
    })
  })

  test('when another model answers, and somebody looks', async () => {
    const { upstream } = await ground((_, response) => sendChat(response, ['no'], 'another'), {
      isSameModel: (asked, answering) => asked === answering,
    })
    const chunks: GenerateChunk[] = []
    const failure = (async () => {
      for await (const chunk of upstream.chat('m', ASKED, never())) chunks.push(chunk)
    })()
    await expect(failure).rejects.toMatchObject({ reason: 'wrong-model', details: { answering: 'another' } })
    expect(chunks).toEqual([])
  })

  test('what broke off is told as its owner knows it', async () => {
    const { upstream } = await ground((_, response) => void response.destroy(), {
      onBrokenOff: async (error) => resourceError('engine-stuck', `more: ${error.reason}`),
    })
    await expect(read(upstream.chat('m', ASKED, never()))).rejects.toMatchObject({
      reason: 'engine-stuck',
      message: 'more: engine-lost',
    })
  })
})

describe('a busy engine', () => {
  test('is asked again after a while, as it says itself', async () => {
    const clock = new VirtualClock(0)
    let refusals = 0
    const { server, upstream } = await ground(
      (_, response) => {
        if (refusals++ === 0) return sendJson(response, 429, { error: { message: 'later' } }, { 'retry-after': '2' })
        if (refusals === 2) return sendJson(response, 503, { error: { message: 'Loading model' } })
        return sendChat(response, ['now'])
      },
      { clock },
    )
    let isOver = false
    const answer = read(upstream.chat('m', ASKED, never())).finally(() => (isOver = true))
    await passTime(clock, () => isOver || server.seen.length === 3)
    expect(await answer).toMatchObject([{ text: 'now' }, { type: 'end' }])
    expect(clock.nowMs()).toBe(2_000 + 500)
  })

  test('is given up after four tries', async () => {
    const clock = new VirtualClock(0)
    const { server, upstream } = await ground((_, response) => sendJson(response, 503, {}), { clock })
    let isOver = false
    const answer = read(upstream.chat('m', ASKED, never())).finally(() => (isOver = true))
    answer.catch(() => (isOver = true))
    await passTime(clock, () => isOver)
    await expect(answer).rejects.toMatchObject({ reason: 'engine-busy' })
    expect(server.seen).toHaveLength(4)
  })

  test('is not waited for by somebody who has left', async () => {
    const leaving = new AbortController()
    const { server, upstream } = await ground((_, response) => {
      sendJson(response, 503, {})
      setImmediate(() => leaving.abort())
    })
    await expect(read(upstream.chat('m', ASKED, leaving.signal))).rejects.toMatchObject({ reason: 'request-cancelled' })
    expect(server.seen).toHaveLength(1)
  })
})

describe('an engine that says nothing any more', () => {
  test('is stuck, and one that still answers elsewhere is waited for', async () => {
    const clock = new VirtualClock(0)
    let questions = 0
    const begun = Promise.withResolvers<void>()
    const { upstream } = await ground(
      (_, response) => {
        sendEvents(response, [{ choices: [{ delta: { content: 'a' } }] }])
        begun.resolve()
      },
      { clock, mostSilentMs: 10_000, isAlive: async () => ++questions < 3 },
    )
    const answer = upstream.chat('m', ASKED, never())
    await answer.next()
    let isOver = false
    const next = answer.next().finally(() => (isOver = true))
    next.catch(() => (isOver = true))
    await begun.promise
    await passTime(clock, () => isOver)
    await expect(next).rejects.toMatchObject({ reason: 'engine-stuck' })
    expect(clock.nowMs()).toBe(30_000)
  })
})

describe('embeddings', () => {
  test('come in the order of their texts, of length 1', async () => {
    const { server, upstream } = await ground((_, response) =>
      sendJson(response, 200, {
        data: [
          { index: 1, embedding: [0, 5] },
          { index: 0, embedding: [3, 4] },
        ],
        usage: { prompt_tokens: 7 },
      }),
    )
    expect(await upstream.embed('m', ['a', 'b'], never())).toEqual({
      vectors: [
        [0.6, 0.8],
        [0, 1],
      ],
      promptTokens: 7,
    })
    expect(server.seen[0]).toMatchObject({ path: '/v1/embeddings', body: { model: 'm', input: ['a', 'b'] } })
  })

  test.each([
    ['one is missing', [{ index: 0, embedding: [1] }]],
    ['there are more', [{ embedding: [1] }, { embedding: [1] }, { embedding: [1] }]],
    ['one has no direction', [{ embedding: [1] }, { embedding: [0] }]],
    ['one is no vector', [{ embedding: [1] }, { embedding: 'AAAA' }]],
  ])('are refused when %s', async (_, data) => {
    const { upstream } = await ground((__, response) => sendJson(response, 200, { data }))
    await expect(upstream.embed('m', ['a', 'b'], never())).rejects.toMatchObject({ reason: 'engine-error' })
  })
})

test('models are listed with what is said of them', async () => {
  const { upstream } = await ground((_, response) =>
    sendJson(response, 200, { data: [{ id: 'a', max_model_len: 4_096 }, { id: 'b', owned_by: 'x' }, { nothing: 1 }] }),
  )
  expect(await upstream.list(never())).toEqual([
    { id: 'a', contextTokens: 4_096, fields: { id: 'a', max_model_len: 4_096 } },
    { id: 'b', contextTokens: null, fields: { id: 'b', owned_by: 'x' } },
  ])
})
