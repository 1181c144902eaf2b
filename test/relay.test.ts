import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Daemon } from './support/daemon.ts'
import { ScriptedUpstream, sendChat, sendJson } from './support/scripted-upstream.ts'

/* A daemon in front of an engine that speaks its client's own dialect. */

const MESSAGES = [{ role: 'user', content: 'hello' }]
const ANSWER = {
  ...{ id: 'its own', model: 'there', of_its_own: [1, 2] },
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hi!' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 1 } },
}

let upstream: ScriptedUpstream
let daemon: Daemon
let home: string

beforeAll(async () => {
  upstream = await ScriptedUpstream.start((_, response) => sendJson(response, 200, { data: [] }))
  home = await mkdtemp(join(tmpdir(), 'grym-relay-'))
  const server = { url: `${upstream.url}/v1`, engine: 'other', model: 'there' }
  const config = {
    servers: { plain: server, told: server },
    models: { entries: { 'server:told': { system: 'Be kind.' } } },
  }
  await writeFile(join(home, 'grym.yaml'), JSON.stringify(config))
  const env = { GRYM_CONFIG: join(home, 'grym.yaml'), GRYM_OLLAMA_URL: 'off', GRYM_LM_STUDIO_URL: 'off' }
  daemon = await Daemon.start({ home, env, flags: ['--default-model', 'server:plain'] })
}, 60_000)

afterAll(async () => {
  await daemon[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  await rm(home, { recursive: true, force: true })
})

function ask(body: object, headers: Record<string, string> = {}): Promise<Response> {
  const written = JSON.stringify({ model: 'server:plain', messages: MESSAGES, ...body })
  return fetch(`${daemon.url}/v1/chat/completions`, { method: 'POST', headers, body: written })
}

describe('an answer of an engine that speaks the dialect', () => {
  test('comes whole as it was sent, its receipt in the headers, and is kept', async () => {
    upstream.script = (_, response) => sendJson(response, 200, ANSWER)
    const response = await ask({ keep_alive: '5m', user: 'me' }, { 'x-grym-conversation': 'whole' })
    expect(await response.text()).toBe(JSON.stringify(ANSWER))
    const { headers } = response
    expect([headers.get('content-type'), headers.get('x-grym-model'), headers.get('x-grym-cached-tokens')]).toEqual([
      'application/json; charset=utf-8',
      'server:plain',
      '1',
    ])
    expect(upstream.seen.at(-1)?.body).toEqual({ model: 'there', messages: MESSAGES, user: 'me' })
    const kept = await fetch(`${daemon.url}/grym/v1/conversations/${headers.get('x-grym-conversation')}`)
    expect(await kept.json()).toMatchObject({ messages: [{ content: 'hello' }, { content: 'Hi!', outcome: 'ok' }] })
  })

  test('streams as it was sent, event by event', async () => {
    upstream.script = (_, response) => sendChat(response, ['Hel', 'lo'], 'there')
    const direct = await fetch(`${upstream.url}/v1/chat/completions`, { method: 'POST', body: '{}' })
    const response = await ask({ stream: true })
    expect(await response.text()).toBe(await direct.text())
    expect(response.headers.get('x-grym-model')).toBe('server:plain')
  })

  test('is encoded where the model has settings of its own, or the client wants it so', async () => {
    upstream.script = (_, response) => sendChat(response, ['Hello'], 'there')
    const told = await ask({ model: 'server:told' })
    expect(await told.json()).toMatchObject({ model: 'server:told', usage: { grym: { model: 'server:told' } } })
    expect(upstream.seen.at(-1)?.body).toMatchObject({
      messages: [{ role: 'system', content: 'Be kind.' }, ...MESSAGES],
    })
    const wanted = await ask({}, { 'x-grym-relay': '0' })
    expect(await wanted.json()).toMatchObject({ model: 'server:plain', usage: { grym: { model: 'server:plain' } } })
  })

  test('a refusal of the engine has grym’s form and reason', async () => {
    upstream.script = (_, response) => sendJson(response, 400, { error: { message: 'no such voice' } })
    const response = await ask({})
    expect(response.status).toBeGreaterThanOrEqual(400)
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringContaining('no such voice'), id: expect.any(String) },
    })
  })

  test('a stream that breaks off ends with an error and no last word', async () => {
    upstream.script = async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"model":"there","choices":[{"index":0,"delta":{"content":"a"}}]}\n\ndata: {"half')
      await vi.waitFor(() => expect(response.writableLength).toBe(0))
      response.destroy()
    }
    const text = await (await ask({ stream: true })).text()
    expect(text).toMatch(/^data: \{"model":"there".*\}\n\ndata: \{"error":\{.*"reason":"engine-lost".*\}\}\n\n$/)
  })
})

describe('a client that does not read', () => {
  /** Far more than the buffers of all sockets on the way. */
  const MOST_BYTES = 200_000_000
  /** What those may hold: three sockets, and 64 KiB for each chunk that waits. */
  const HELD_BYTES = 40_000_000

  test('holds the engine up, not memory; and one that leaves ends its request at once', async () => {
    const sent = { bytes: 0, isWaiting: false }
    const closed = Promise.withResolvers<void>()
    upstream.script = async (_, response) => {
      response.setMaxListeners(0)
      response.once('close', () => closed.resolve())
      await sendMuch(response, sent)
    }
    const socket = askSlowly()
    await once(socket, 'readable')
    let before = -1
    await vi.waitFor(
      () => {
        const isStill = sent.isWaiting && sent.bytes === before
        before = sent.bytes
        expect(isStill).toBe(true)
      },
      { timeout: 20_000, interval: 300 },
    )
    expect(sent.bytes).toBeLessThan(HELD_BYTES)
    expect((await daemon.client.status()).queue.running).toBe(1)
    socket.destroy()
    await closed.promise
    await vi.waitFor(async () => expect((await daemon.client.status()).queue.running).toBe(0))
  }, 60_000)

  async function sendMuch(response: ServerResponse, sent: { bytes: number; isWaiting: boolean }): Promise<void> {
    const delta = { content: 'x'.repeat(60_000) }
    const event = `data: ${JSON.stringify({ model: 'there', choices: [{ index: 0, delta }] })}\n\n`
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    while (sent.bytes < MOST_BYTES && !response.destroyed) {
      sent.bytes += event.length
      if (response.write(event)) continue
      sent.isWaiting = true
      await new Promise<void>((resolve) => {
        response.once('drain', resolve)
        response.once('close', resolve)
      })
      sent.isWaiting = false
    }
    response.end()
  }

  /** Nothing is read from it unless somebody asks for it. */
  function askSlowly(): Socket {
    const { hostname, port } = new URL(daemon.url)
    const socket = connect(Number(port), hostname)
    const body = JSON.stringify({ model: 'server:plain', messages: MESSAGES, stream: true })
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: ${hostname}\r\nX-Grym-No-Store: 1\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    return socket
  }
})
