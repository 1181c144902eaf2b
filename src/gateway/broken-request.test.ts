import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { RawClient } from '../../test/support/raw-client.ts'
import { ServedManager } from '../../test/support/served-manager.ts'
import { begin, finish } from '../testing/scripted-manager.ts'
import { furtherServer } from './further-listener.ts'

/** What comes back for these bytes, by either of two doors. */
async function answerTo(bytes: string, door: string): Promise<string> {
  await using served = await ServedManager.start()
  const further = furtherServer(served).listen(0, '127.0.0.1')
  await once(further, 'listening')
  const url = door === 'first' ? served.url : `http://127.0.0.1:${(further.address() as AddressInfo).port}`
  await using client = await RawClient.open(url)
  client.send(bytes)
  expect(await client.closedWithin(5_000)).toBe(true)
  further.close()
  return client.text
}

const TLS_HELLO = '\u0016\u0003\u0001\u0002\u0000\u0001'
const rest = 'Host: localhost\r\nConnection: close\r\n\r\n'

describe.each(['first', 'further'])('at the %s door', (door) => {
  test.each([
    ['TLS', TLS_HELLO, 400, { error: { reason: 'invalid-request', message: expect.stringContaining('TLS') } }],
    ['no method', `GT /v1/models HTTP/1.1\r\n${rest}`, 400, { error: { reason: 'invalid-request' } }],
    ['no method, of Ollama', `GT /api/tags HTTP/1.1\r\n${rest}`, 400, { error: expect.any(String), id: /^err_/ }],
    ['no length, of Anthropic', `POST /v1/messages HTTP/1.1\r\nContent-Length: x\r\n${rest}`, 400, { type: 'error' }],
    [
      'too many headers',
      `GET / HTTP/1.1\r\nA: ${'a'.repeat(17_000)}\r\n${rest}`,
      431,
      { error: { reason: 'headers-too-large' } },
    ],
    ['no host', 'GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n', 403, { error: { reason: 'host-not-allowed' } }],
    ['a proxy’s method', `CONNECT example.test:443 HTTP/1.1\r\n${rest}`, 404, { error: { reason: 'route-not-found' } }],
  ])('%s is answered with an error of its own', async (_what, bytes, status, body) => {
    const text = await answerTo(bytes, door)
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    const expected = 'id' in body ? { ...body, id: expect.stringMatching(body.id) } : body
    expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4))).toMatchObject(expected)
  })

  test('an expectation that nobody knows is passed over, and its request served once', async () => {
    const text = await answerTo(`GET /health HTTP/1.1\r\nExpect: the-impossible\r\n${rest}`, door)
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200'])
  })
})

test('headers below the limit are taken', async () => {
  expect(await answerTo(`GET /health HTTP/1.1\r\nA: ${'a'.repeat(16_000)}\r\n${rest}`, 'first')).toMatch(
    /^HTTP\/1.1 200 /,
  )
})

test('what comes after a request within its stream breaks the connection, and writes nothing into the answer', async () => {
  await using served = await ServedManager.start()
  await using client = await RawClient.open(served.url)
  client.post('/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }], stream: true })
  const asked = await served.manager.next()
  begin(asked)
  await expect.poll(() => client.text).toContain('data: ')
  const before = client.text
  client.send('\u0000garbage\r\n\r\n')
  expect(await client.closedWithin(5_000)).toBe(true)
  expect(client.text).toBe(before)
  expect(asked.signal.aborted).toBe(true)
  finish(asked)
})
