import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { RawClient } from '../../test/support/raw-client.ts'
import { ServedManager } from '../../test/support/served-manager.ts'
import { type Asked, begin, finish } from '../testing/scripted-manager.ts'
import { CLIENT_DEADLINES } from './client-deadlines.ts'

const CHAT = '/v1/chat/completions'
const PIECE = 'x'.repeat(20_000)
const PIECES = 1_000
/** What Node collects before it says that a stream is full, and the piece that filled it with its frame. */
const MOST_WAITING_BYTES = 65_536 + PIECE.length + 1_000

afterEach(() => vi.useRealTimers())

interface Asking {
  readonly client: RawClient
  readonly asked: Asked
  readonly response: ServerResponse
}

/** A client that has asked, and what the server is to answer it with. */
async function ask(served: ServedManager, stream: boolean): Promise<Asking> {
  const client = await RawClient.open(served.url)
  const came = once(served.server, 'request')
  client.post(CHAT, { messages: [{ role: 'user', content: 'hi' }], stream })
  const asked = await served.manager.next()
  return { client, asked, response: (await came)[1] as ServerResponse }
}

/** An answer of 20 MB, more than the kernel holds for anybody. */
function sayMuch(asked: Asked): void {
  begin(asked)
  for (let index = 0; index < PIECES; index++) asked.answer.push({ type: 'text', text: PIECE })
  finish(asked)
}

const isFull = ({ response }: Asking): boolean => response.writableNeedDrain

describe('a client that reads no more', () => {
  test('makes nothing pile up in the response of a stream, and gets all of it when it reads again', async () => {
    await using served = await ServedManager.start()
    const asking = await ask(served, true)
    const { client, asked, response } = asking
    client.socket.pause()
    sayMuch(asked)
    await expect.poll(() => isFull(asking)).toBe(true)
    expect(response.writableLength).toBeLessThan(MOST_WAITING_BYTES)
    client.socket.resume()
    await expect.poll(() => client.text.endsWith('data: [DONE]\n\n\r\n0\r\n\r\n'), { timeout: 10_000 }).toBe(true)
    expect(client.text.length).toBeGreaterThan(PIECES * PIECE.length)
    await client[Symbol.asyncDispose]()
  })

  test('is sent no comments meanwhile', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    await using served = await ServedManager.start(1_000)
    const asking = await ask(served, true)
    const { client, asked, response } = asking
    client.socket.pause()
    sayMuch(asked)
    await vi.waitUntil(() => isFull(asking), { interval: 10, timeout: 5_000 })
    const waitingBytes = response.writableLength
    vi.advanceTimersByTime(10_000_000)
    expect(response.writableLength).toBe(waitingBytes)
    await client[Symbol.asyncDispose]()
  })

  test.each([true, false])('is dropped in the end, and its place is free (streamed: %s)', async (stream) => {
    const deadlines = { ...CLIENT_DEADLINES, stallMs: 100 }
    await using served = await ServedManager.start({ deadlines })
    const { client, asked, response } = await ask(served, stream)
    client.socket.pause()
    const closed = once(response, 'close')
    sayMuch(asked)
    await closed
    expect(response.writableFinished).toBe(false)
    expect(asked.signal.aborted).toBe(true)
    await client[Symbol.asyncDispose]()
  })
})

test.each([true, false])(
  'a client that waits longer than it may stall is not dropped (streamed: %s)',
  async (stream) => {
    const deadlines = { ...CLIENT_DEADLINES, stallMs: 20 }
    await using served = await ServedManager.start({ deadlines })
    const { client, asked, response } = await ask(served, stream)
    await once(response, 'timeout')
    begin(asked)
    asked.answer.push({ type: 'text', text: 'at last' })
    finish(asked)
    await expect.poll(() => client.text).toContain('at last')
    expect(client.text).toMatch(/^HTTP\/1.1 200 /)
    await client[Symbol.asyncDispose]()
  },
)

describe.each([true, false])('a client that leaves (streamed: %s)', (stream) => {
  const leave = {
    'closes its connection': ({ socket }: RawClient) => socket.destroy(),
    'resets its connection': ({ socket }: RawClient) => socket.resetAndDestroy(),
    'only stops sending': ({ socket }: RawClient) => socket.end(),
  }

  test.each(Object.entries(leave))('and %s while it waits has its place taken away', async (_name, go) => {
    await using served = await ServedManager.start()
    const { client, asked, response } = await ask(served, stream)
    go(client)
    await expect.poll(() => asked.signal.aborted).toBe(true)
    await expect.poll(() => response.destroyed).toBe(true)
    await client[Symbol.asyncDispose]()
  })

  test.each(Object.entries(leave))('and %s within its answer has its place taken away', async (_name, go) => {
    await using served = await ServedManager.start()
    const { client, asked, response } = await ask(served, stream)
    begin(asked)
    asked.answer.push({ type: 'text', text: 'one' })
    if (stream) await expect.poll(() => client.text).toContain('one')
    go(client)
    await expect.poll(() => asked.signal.aborted).toBe(true)
    await expect.poll(() => response.destroyed).toBe(true)
    await client[Symbol.asyncDispose]()
  })

  test('and had stopped reading, has its place taken away', async () => {
    await using served = await ServedManager.start()
    const asking = await ask(served, stream)
    const { client, asked, response } = asking
    client.socket.pause()
    begin(asked)
    for (let index = 0; index < PIECES; index++) asked.answer.push({ type: 'text', text: PIECE })
    if (!stream) finish(asked)
    await expect.poll(() => isFull(asking) || response.writableLength > MOST_WAITING_BYTES).toBe(true)
    client.socket.destroy()
    await expect.poll(() => response.destroyed).toBe(true)
    await expect.poll(() => asked.signal.aborted).toBe(true)
    await client[Symbol.asyncDispose]()
  })
})

describe('a client that sends slowly', () => {
  const slow = { ...CLIENT_DEADLINES, headersMs: 50, requestMs: 100 }
  const head = `POST ${CHAT} HTTP/1.1\r\nHost: localhost\r\n`

  test.each([
    ['its headers', head],
    ['its body', `${head}Content-Length: 100\r\n\r\n{"messages"`],
    ['a chunked body', `${head}Transfer-Encoding: chunked\r\n\r\n5\r\n{"mes\r\n`],
  ])('%s is told so and let go', async (_what, sent) => {
    await using served = await ServedManager.start({ deadlines: slow })
    await using client = await RawClient.open(served.url)
    client.send(sent)
    await expect.poll(() => client.isClosed, { timeout: 5_000 }).toBe(true)
    expect(client.text).toMatch(/^HTTP\/1.1 408 /)
    expect(client.text).toContain('"reason":"request-too-slow"')
    expect(served.manager.asked).toEqual([])
  })
})
