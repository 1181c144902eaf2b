import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { SystemClock } from '../../system/system-clock.ts'
import { rejects } from '../../testing/contract-check.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { OllamaConnection } from './ollama-connection.ts'

const ended: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const end of ended.splice(0)) await end()
})

async function listen(answer: RequestListener, port = 0): Promise<{ server: Server; url: string }> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  ended.push(() => closeServer(server))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await closed
}

function connect(baseUrl: string, clock = new SystemClock(), ownInstanceId?: string): OllamaConnection {
  const connection = new OllamaConnection({ baseUrl, clock, ...(ownInstanceId !== undefined && { ownInstanceId }) })
  ended.push(() => connection.close())
  return connection
}

/** Moves the clock on while something is waited for. */
async function through<Result>(clock: VirtualClock, work: Promise<Result>): Promise<Result> {
  const waiting = new Set([work])
  const settled = work.finally(() => waiting.clear())
  // Told by the caller; here it is only waited for.
  settled.catch(() => undefined)
  while (waiting.size > 0) {
    clock.runNext(MOST_PAUSES_MS)
    await setImmediate()
  }
  return settled
}

/** All pauses together, and less than the deadlines. */
const MOST_PAUSES_MS = 9_000

const BUSY: RequestListener = (_, response) => void response.writeHead(503).end('{"error":"server busy"}')

test('where nobody listens that is known at once, with the way out', async () => {
  const { server, url } = await listen(BUSY)
  await closeServer(server)
  const startedAtMs = performance.now()
  const asked = connect(url).get('/api/tags')
  await expect(asked).rejects.toMatchObject({ reason: 'engine-unreachable', details: { code: 'ECONNREFUSED' } })
  await expect(asked).rejects.toThrow('nobody listens there')
  expect(performance.now() - startedAtMs).toBeLessThan(250)
})

test('a server that is silent is given up at the deadline, and a caller that leaves is told at once', async () => {
  const { url } = await listen(() => undefined)
  const clock = new VirtualClock(0)
  const connection = connect(url, clock)
  const asked = connection.get('/api/tags', { deadlineMs: 2_000 })
  const late = rejects('engine-unreachable', asked)
  await clock.advanceTo(2_000)
  await late
  await expect(asked).rejects.toMatchObject({ reason: 'engine-unreachable', details: { isLate: true } })
  const leaving = new AbortController()
  const left = connection.get('/api/tags', { signal: leaving.signal })
  leaving.abort()
  await expect(left).rejects.toMatchObject({ reason: 'request-cancelled' })
})

test('a busy server is asked again after longer and longer pauses, and then refused for', async () => {
  const askedAtMs: number[] = []
  const clock = new VirtualClock(0)
  const { url } = await listen((...exchange) => {
    askedAtMs.push(clock.nowMs())
    BUSY(...exchange)
  })
  const asked = connect(url, clock).post('/api/generate', {}, { deadlineMs: 60_000 })
  await expect(through(clock, asked)).rejects.toMatchObject({ reason: 'engine-busy' })
  expect(askedAtMs).toEqual([0, 250, 750, 1_750, 3_750, 7_750])
})

test('a pause for a busy server ends with its caller, and a server that is free again answers', async () => {
  const answers: RequestListener[] = [BUSY, BUSY, (_, response) => void response.end('{"done":true}')]
  const leaving = new AbortController()
  const { url } = await listen((request, response) => {
    answers.shift()?.(request, response)
    if (answers.length === 2) response.on('close', () => globalThis.setTimeout(() => leaving.abort(), 10))
  })
  const clock = new VirtualClock(0)
  const connection = connect(url, clock)
  const left = connection.post('/api/generate', {}, { signal: leaving.signal })
  await expect(left).rejects.toMatchObject({ reason: 'request-cancelled' })
  expect(await through(clock, connection.post('/api/generate', {}))).toEqual({ done: true })
  expect(clock.nowMs()).toBe(250)
})

test('the version is asked for once, and again after nobody answered', async () => {
  let version = '0.17.4'
  let count = 0
  const answer: RequestListener = (_, response) => {
    count++
    response.end(JSON.stringify({ version }))
  }
  const { server, url } = await listen(answer)
  const connection = connect(url)
  expect(await Promise.all([connection.age(), connection.age()])).toEqual(['own-runner', 'own-runner'])
  expect(count).toBe(1)
  const { port } = server.address() as AddressInfo
  await closeServer(server)
  await expect(connection.get('/api/ps')).rejects.toMatchObject({ reason: 'engine-unreachable' })
  version = '0.33.0'
  await listen(answer, port)
  expect(await connection.age()).toBe('llama-server')
})

test('a build by hand has no version, and is told by what its list tells', async () => {
  for (const [model, age] of [
    [{ name: 'x' }, 'own-runner'],
    [{ name: 'x', capabilities: [] }, 'llama-server'],
  ] as const) {
    const { url } = await listen(
      (_, response) => void response.end(JSON.stringify({ version: '0.0.0', models: [model] })),
    )
    expect(await connect(url).age()).toBe(age)
  }
})

test('grym does not take itself for Ollama, and marks what it sends', async () => {
  const marks: unknown[] = []
  const { url } = await listen((request, response) => {
    marks.push(request.headers['x-grym-instance'])
    response.setHeader('X-Grym-Instance', 'mine').end('{"models":[]}')
  })
  await expect(connect(url, new SystemClock(), 'mine').get('/api/tags')).rejects.toMatchObject({
    reason: 'engine-unreachable',
    details: { isOurselves: true },
  })
  expect(await connect(url, new SystemClock(), 'another').get('/api/tags')).toEqual({ models: [] })
  expect(marks).toEqual(['mine', 'another'])
})

test('a path before the routes is kept, and only loopback is this machine', async () => {
  const paths: unknown[] = []
  const { url } = await listen((request, response) => {
    paths.push(request.url)
    response.end('{}')
  })
  await connect(`${url}/ollama/`).get('/api/tags')
  expect(paths).toEqual(['/ollama/api/tags'])
  for (const local of ['http://localhost:1', 'http://127.0.0.1:1', 'http://[::1]:1']) {
    expect(connect(local).isLoopback).toBe(true)
  }
  for (const remote of ['http://192.168.0.2:1', 'http://localhost.example.com', 'https://127.example.com']) {
    expect(connect(remote).isLoopback).toBe(false)
  }
})

test('refusals are told in the words of a proxy as well', async () => {
  const { url } = await listen((_, response) => void response.writeHead(401).end('<h1>Log in</h1>'))
  await expect(connect(url).get('/api/tags')).rejects.toMatchObject({
    reason: 'engine-refused',
    details: { status: 401, engineMessage: '<h1>Log in</h1>' },
  })
})

test('lines come as they are written; leaving closes the connection, and a broken one is told', async () => {
  let closed = 0
  const { url } = await listen((request, response) => {
    response.on('close', () => closed++)
    response.write('{"n":1}\n{"n":')
    if (request.url === '/broken') globalThis.setTimeout(() => response.destroy(), 20)
  })
  const connection = connect(url)
  for await (const line of connection.stream('/lines', {})) {
    expect(line).toEqual({ n: 1 })
    break
  }
  await expect.poll(() => closed).toBe(1)
  const read = async (): Promise<void> => {
    for await (const line of connection.stream('/broken', {})) expect(line).toEqual({ n: 1 })
  }
  await expect(read()).rejects.toMatchObject({ reason: 'engine-unreachable' })
})
