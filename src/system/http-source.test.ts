import { createServer } from 'node:http'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { FileServer } from '../../test/support/file-server.ts'
import { HttpSource } from './http-source.ts'

let server: FileServer
let http: HttpSource
const secretHeaders = { authorization: 'Bearer s3cret' }

beforeEach(async () => {
  server = await FileServer.start()
  http = new HttpSource({ answerTimeoutMs: 300 })
})

afterEach(async () => {
  await http.close()
  await server[Symbol.asyncDispose]()
})

test('a secret goes to its own host, also when that redirects to itself', async () => {
  server.serve('/a', '', { redirectTo: '/b' })
  server.serve('/b', 'here')
  const response = await http.get({ url: `${server.url}/a`, secretHeaders })
  expect(await response.text()).toBe('here')
  expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer s3cret', 'Bearer s3cret'])
})

test('a secret is not sent to where its host redirects', async () => {
  await using elsewhere = await FileServer.start()
  elsewhere.serve('/b', 'here')
  server.serve('/a', '', { redirectTo: `${elsewhere.url}/b` })
  const response = await http.get({ url: `${server.url}/a`, secretHeaders })
  expect(await response.text()).toBe('here')
  expect(elsewhere.seen[0]?.headers.authorization).toBeUndefined()
})

test('five redirects are followed, a sixth is not', async () => {
  for (let hop = 0; hop < 7; hop++) server.serve(`/${hop}`, '', { redirectTo: `/${hop + 1}` })
  server.serve('/5', 'here')
  expect(await (await http.get({ url: `${server.url}/0` })).text()).toBe('here')
  server.serve('/5', '', { redirectTo: '/6' })
  server.serve('/6', 'here')
  await expect(http.get({ url: `${server.url}/0` })).rejects.toMatchObject({ reason: 'download-failed' })
})

test.each([404, 500, 401])('status %i is told with the host', async (status) => {
  server.serve('/a', '', { status })
  await expect(http.get({ url: `${server.url}/a` })).rejects.toThrow(`${new URL(server.url).host} could not deliver`)
})

test('a host that does not answer is given up', async () => {
  server.serve('/a', '', { hangs: true })
  await expect(http.get({ url: `${server.url}/a` })).rejects.toThrow('did not answer within 0.3 s')
})

test('a host that is not there is told by name', async () => {
  const gone = await FileServer.start()
  await gone[Symbol.asyncDispose]()
  await expect(http.get({ url: `${gone.url}/a` })).rejects.toMatchObject({
    reason: 'download-failed',
    message: expect.stringContaining('ECONNREFUSED'),
  })
})

test('the user’s abort is passed on as such', async () => {
  server.serve('/a', '', { hangs: true })
  const signal = AbortSignal.timeout(50)
  await expect(http.get({ url: `${server.url}/a`, signal })).rejects.toMatchObject({ name: 'TimeoutError' })
})

describe('proxies', () => {
  test('are used for every host that is not excepted', async () => {
    const tunnels: string[] = []
    const proxy = createServer()
    proxy.on('connect', (request, socket) => {
      tunnels.push(request.url ?? '')
      const { hostname, port } = new URL(server.url)
      const upstream = connect(Number(port), hostname, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        socket.pipe(upstream).pipe(socket)
      })
      upstream.on('error', () => socket.destroy())
      socket.on('error', () => upstream.destroy())
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void proxy.close())
    const address = proxy.address()
    const httpProxy = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
    server.serve('/a', 'through')
    const proxied = new HttpSource({ proxies: { httpProxy, noProxy: 'excepted.test' } })
    onTestFinished(() => proxied.close())
    // Only the proxy knows this name.
    expect(await (await proxied.get({ url: 'http://models.test/a' })).text()).toBe('through')
    expect(tunnels).toEqual(['models.test:80'])
    await expect(proxied.get({ url: 'http://excepted.test/a' })).rejects.toMatchObject({ reason: 'download-failed' })
    expect(tunnels).toHaveLength(1)
  })
})
