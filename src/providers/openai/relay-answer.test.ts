import { describe, expect, onTestFinished, test } from 'vitest'
import { type Script, ScriptedUpstream, sendJson } from '../../../test/support/scripted-upstream.ts'
import type { GenerateRequest, RawRequest, RelayChunk } from '../../spec/chat.ts'
import { SystemClock } from '../../system/system-clock.ts'
import { OpenAiUpstream, type OpenAiUpstreamOptions } from './open-ai-upstream.ts'

const ASKED: GenerateRequest = { messages: [{ role: 'user', content: 'hello' }], sampling: {}, stop: [] }
const never = (): AbortSignal => new AbortController().signal

interface Ground {
  readonly server: ScriptedUpstream
  readonly ask: (isStream: boolean, signal?: AbortSignal) => AsyncIterable<RelayChunk>
}

async function ground(script: Script, options: Partial<OpenAiUpstreamOptions> = {}): Promise<Ground> {
  const server = await ScriptedUpstream.start(script)
  const clock = new SystemClock()
  const upstream = new OpenAiUpstream({ baseUrl: `${server.url}/v1`, engine: 'the engine', clock, ...options })
  onTestFinished(async () => {
    await upstream.close()
    await server[Symbol.asyncDispose]()
  })
  return {
    server,
    ask(isStream, signal = never()) {
      const body = { model: 'm', messages: ASKED.messages, ...(isStream && { stream: true }) }
      const raw: RawRequest = { dialect: 'openai-chat', body, isStreamed: isStream }
      const answer = upstream.relay('m', ASKED, raw, signal)
      if (!answer) throw new Error('it was to be relayed')
      return answer
    },
  }
}

async function read(answer: AsyncIterable<RelayChunk>): Promise<RelayChunk[]> {
  const chunks: RelayChunk[] = []
  for await (const chunk of answer) chunks.push(chunk)
  return chunks
}

/** All bytes in the order in which they may go out. */
function textOf(chunks: readonly RelayChunk[]): string {
  return chunks
    .map((chunk) => Buffer.from(chunk.type === 'bytes' ? chunk.bytes : chunk.last.bytes).toString('utf8'))
    .join('')
}

const piece = (delta: object, finishReason: string | null = null, more: object = {}): string =>
  `data: ${JSON.stringify({ model: 'm', choices: [{ index: 0, delta, finish_reason: finishReason }], ...more })}\n\n`

function stream(...texts: readonly string[]): Script {
  return async (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const text of texts) {
      response.write(text)
      await new Promise((resolve) => setImmediate(resolve))
    }
    response.end()
  }
}

describe('a stream', () => {
  const written = [
    ': a comment stays\n\n',
    piece({ role: 'assistant', content: 'Hé' }, null, { of_its_own: 1 }),
    piece({ content: 'llo' }),
    piece({}, 'stop', { usage: { prompt_tokens: 3, completion_tokens: 2 } }),
    'data: [DONE]\n\n',
  ].join('')

  test.each([1, 7, 100, 10_000])('comes out byte by byte as it went in, in pieces of %i', async (size) => {
    const bytes = Buffer.from(written)
    const { ask } = await ground(async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (let at = 0; at < bytes.length; at += size) {
        response.write(bytes.subarray(at, at + size))
        if (size > 1) await new Promise((resolve) => setImmediate(resolve))
      }
      response.end()
    })
    const chunks = await read(ask(true))
    expect(textOf(chunks)).toBe(written)
    const parts = chunks.flatMap((chunk) => (chunk.type === 'bytes' ? chunk.parts : chunk.last.parts))
    expect(parts.map((part) => (part.type === 'text' ? part.text : part.type)).join('')).toBe('Héllo')
    expect(chunks.at(-1)).toMatchObject({
      type: 'end',
      finishReason: 'stop',
      usage: { promptTokens: 3, generatedTokens: 2 },
    })
  })

  test('what says that it is whole waits for the end', async () => {
    const goOn = Promise.withResolvers<void>()
    const { ask } = await ground(async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(piece({ content: 'a' }))
      await goOn.promise
      response.end(`${piece({}, 'stop')}data: [DONE]\n\n`)
    })
    const chunks: RelayChunk[] = []
    for await (const chunk of ask(true)) {
      chunks.push(chunk)
      goOn.resolve()
    }
    expect(chunks.map(({ type }) => type)).toEqual(['bytes', 'end'])
    expect(textOf(chunks.slice(0, 1))).toBe(piece({ content: 'a' }))
    expect(textOf(chunks.slice(1))).toBe(`${piece({}, 'stop')}data: [DONE]\n\n`)
  })

  test('calls of tools are known in the end, whatever their pieces were', async () => {
    const call = (fields: object): string => piece({ tool_calls: [{ index: 0, ...fields }] })
    const { ask } = await ground(
      stream(
        call({ id: 'x', function: { name: 'add', arguments: '{"a"' } }),
        call({ function: { arguments: ':1}' } }),
        piece({}, 'tool_calls'),
        'data: [DONE]\n\n',
      ),
    )
    expect((await read(ask(true))).at(-1)).toMatchObject({
      finishReason: 'toolCalls',
      last: { parts: [{ type: 'toolCall', call: { id: 'x', name: 'add', arguments: '{"a":1}' } }] },
    })
  })

  test('that breaks off is a lost engine, after what came', async () => {
    const { ask } = await ground(stream(piece({ content: 'a' })))
    const chunks: RelayChunk[] = []
    const reading = (async () => {
      for await (const chunk of ask(true)) chunks.push(chunk)
    })()
    await expect(reading).rejects.toMatchObject({ reason: 'engine-lost' })
    expect(textOf(chunks)).toBe(piece({ content: 'a' }))
  })

  test('that tells an error is that error', async () => {
    const { ask } = await ground(stream(piece({ content: 'a' }), 'data: {"error":{"message":"broken","code":500}}\n\n'))
    await expect(read(ask(true))).rejects.toMatchObject({ message: expect.stringContaining('broken') })
  })

  test('of another model is refused, and nothing of it passed on', async () => {
    const { ask } = await ground(stream(piece({ content: 'a' }), piece({}, 'stop')), { isSameModel: () => false })
    const chunks: RelayChunk[] = []
    const reading = (async () => {
      for await (const chunk of ask(true)) chunks.push(chunk)
    })()
    await expect(reading).rejects.toMatchObject({ reason: 'wrong-model' })
    expect(chunks).toEqual([])
  })

  test('its connection serves others', async () => {
    const { ask, server } = await ground(stream(piece({ content: 'a' }), piece({}, 'stop'), 'data: [DONE]\n\n'))
    // Its very last bytes may still be on the way when the next one is asked for.
    for (let asked = 0; asked < 20; asked++) await read(ask(true))
    expect(server.connectionCount).toBeLessThan(20)
  })

  test('whoever leaves ends the request at the engine at once', async () => {
    const closed = Promise.withResolvers<void>()
    const { ask } = await ground((_, response) => {
      response.once('close', () => closed.resolve())
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(piece({ content: 'a' }))
    })
    const leaving = new AbortController()
    const answer = ask(true, leaving.signal)[Symbol.asyncIterator]()
    await answer.next()
    const next = answer.next()
    leaving.abort()
    await expect(next).rejects.toMatchObject({ reason: 'request-cancelled' })
    await closed.promise
  })
})

describe('a whole answer', () => {
  const body = {
    ...{ model: 'm', of_its_own: { kept: true } },
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'length' }],
    usage: { prompt_tokens: 3, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 1 } },
  }

  test('comes as it is, with what it says', async () => {
    const { ask, server } = await ground((_, response) => sendJson(response, 200, body))
    const chunks = await read(ask(false))
    expect(chunks).toMatchObject([
      {
        ...{ type: 'end', finishReason: 'length' },
        usage: { promptTokens: 3, cachedTokens: 1, generatedTokens: 2 },
        last: { parts: [{ type: 'text', text: 'Hello' }] },
      },
    ])
    expect(textOf(chunks)).toBe(JSON.stringify(body))
    expect(server.seen[0]?.body).not.toHaveProperty('stream')
  })

  test('an error in its place is that error', async () => {
    const { ask } = await ground((_, response) => sendJson(response, 200, { error: { message: 'no room' } }))
    await expect(read(ask(false))).rejects.toMatchObject({ message: expect.stringContaining('no room') })
  })

  test('what is no answer is a lost engine', async () => {
    const { ask } = await ground((_, response) => sendJson(response, 200, 'not json'))
    await expect(read(ask(false))).rejects.toMatchObject({ reason: 'engine-lost' })
  })
})
