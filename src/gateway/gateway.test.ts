import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { pino } from 'pino'
import type { FastifyInstance } from 'fastify'
import type { ScriptedManager } from '../testing/scripted-manager.ts'
import { ScriptedServices } from '../testing/scripted-services.ts'
import { buildGateway } from './gateway.ts'
import type { Health } from './health-routes.ts'

let services: ScriptedServices
let manager: ScriptedManager
let health: Health
let app: FastifyInstance

beforeEach(() => {
  services = new ScriptedServices()
  manager = services.manager
  health = { status: 'ok', version: '1.2.3' }
  app = buildGateway({
    services: () => (health.status === 'starting' ? undefined : services),
    keeps: () => true,
    keyDefaults: () => ({}),
    health: () => health,
    instanceId: () => 'here',
    allowedHosts: ['my-box.lan'],
    maxBodyBytes: 200,
    keepAliveAfterMs: 10_000,
    logger: pino({ level: 'silent' }),
  })
})

afterEach(() => app.close())

function get(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ statusCode: number; body: string; headers: Readonly<Record<string, unknown>> }> {
  return app.inject({ url, headers: { host: '127.0.0.1:11500', ...headers } })
}

describe('health', () => {
  test('says how far a start is, and that it is over', async () => {
    health = { status: 'starting', step: 'downloading smollm2', percent: 41 }
    const starting = await get('/health')
    expect([starting.statusCode, JSON.parse(starting.body)]).toEqual([503, health])
    expect((await get('/ready')).statusCode).toBe(503)
    health = { status: 'ok', version: '1.2.3' }
    const ready = await get('/health')
    expect([ready.statusCode, JSON.parse(ready.body)]).toEqual([200, health])
    expect((await get('/ready')).statusCode).toBe(200)
  })

  test('draining: alive, but not for new work', async () => {
    health = { status: 'draining' }
    expect((await get('/health')).statusCode).toBe(200)
    expect((await get('/ready')).statusCode).toBe(503)
  })

  test('while it starts everything else is 503 with a time to come back', async () => {
    health = { status: 'starting', step: 'x', percent: 0 }
    const response = await get('/v1/models')
    expect(response.statusCode).toBe(503)
    expect(response.headers['retry-after']).toBe('1')
    expect(JSON.parse(response.body)).toMatchObject({ error: { reason: 'starting' } })
  })

  test('the root is what clients of Ollama probe for', async () => {
    const root = await get('/')
    expect([root.statusCode, root.body, root.headers['content-type']]).toEqual([
      200,
      'Ollama is running',
      'text/plain; charset=utf-8',
    ])
    expect((await app.inject({ method: 'HEAD', url: '/', headers: { host: 'localhost' } })).statusCode).toBe(200)
  })
})

describe('who is let in', () => {
  test.each([
    ['127.0.0.1:11500', 200],
    ['127.9.9.9', 200],
    ['localhost', 200],
    ['grym.localhost:1', 200],
    ['[::1]:11500', 200],
    ['MY-BOX.LAN', 200],
    ['evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['localhost.evil.example', 403],
    ['192.168.1.2', 403],
    ['[::2]', 403],
    ['no host at all', 403],
  ])('Host %s: %i', async (host, status) => {
    expect((await get('/v1/models', { host })).statusCode).toBe(status)
  })

  test.each([
    ['http://localhost:3000', 200],
    ['http://my-box.lan', 200],
    ['https://evil.example', 403],
    ['null', 403],
  ])('Origin %s: %i', async (origin, status) => {
    const response = await get('/v1/models', { origin })
    expect(response.statusCode).toBe(status)
    expect(response.headers['access-control-allow-origin']).toBeUndefined()
  })

  test('a request that carries our own mark came back to us: a loop', async () => {
    const response = await get('/v1/models', { 'x-grym-instance': 'here' })
    expect(JSON.parse(response.body)).toMatchObject({ error: { reason: 'request-loop' } })
    expect((await get('/v1/models', { 'x-grym-instance': 'another' })).statusCode).toBe(200)
    expect(response.headers['x-grym-instance']).toBe('here')
  })
})

describe('models', () => {
  test('the list has the form of OpenAI’s, with state, window and size', async () => {
    expect(JSON.parse((await get('/v1/models')).body)).toEqual({
      object: 'list',
      data: [
        {
          id: 'a',
          object: 'model',
          created: 1,
          owned_by: 'grym',
          state: 'ready',
          context_length: 2_048,
          size_bytes: 99,
          capabilities: ['completion'],
          platform: 'local',
        },
        expect.objectContaining({ id: 'more/b', state: 'unloaded' }),
      ],
    })
  })

  test('one by its name, slashes and all; an unknown one is 404', async () => {
    expect(JSON.parse((await get('/v1/models/more/b')).body)).toMatchObject({ id: 'more/b' })
    const missing = await get('/v1/models/nobody')
    expect(missing.statusCode).toBe(404)
    expect(JSON.parse(missing.body)).toMatchObject({ error: { code: 'model_not_found' } })
  })

  test('load, unload, pin and status pass on what the manager says', async () => {
    const post = (url: string, payload: object): ReturnType<typeof get> =>
      app.inject({ method: 'POST', url, payload, headers: { host: 'localhost' } })
    expect(JSON.parse((await post('/grym/v1/models/load', { model: 'a' })).body)).toMatchObject({ loadMs: 7 })
    expect((await post('/grym/v1/models/load', { model: 'unknown' })).statusCode).toBe(404)
    expect((await post('/grym/v1/models/load', { model: 5 })).statusCode).toBe(400)
    expect(JSON.parse((await post('/grym/v1/models/unload', {})).body)).toMatchObject({ wasLoaded: true })
    await post('/grym/v1/models/pin', { model: 'a' })
    await post('/grym/v1/models/pin', { model: 'a', pinned: false })
    expect(manager.pins).toEqual([
      ['a', true],
      ['a', false],
    ])
    expect(JSON.parse((await get('/grym/v1/status')).body)).toEqual(manager.status())
  })
})

describe('bodies', () => {
  const send = (payload: string | Buffer): ReturnType<typeof get> =>
    app.inject({ method: 'POST', url: '/grym/v1/models/pin', payload, headers: { host: 'localhost' } })

  /** A body of exactly so many bytes. */
  const sized = (bytes: number): string => `{"model":"${'x'.repeat(bytes - '{"model":""}'.length)}"}`

  test.each([
    [199, 200],
    [200, 200],
    [201, 413],
  ])('%i bytes where 200 are allowed: %i', async (bytes, status) => {
    expect((await send(sized(bytes))).statusCode).toBe(status)
  })

  test.each([
    ['', 'Send {'],
    ['{', 'not valid JSON'],
    [Buffer.from([0x7b, 0xff, 0x7d]), 'UTF-8'],
  ])('%j is refused with a reason', async (payload, words) => {
    const response = await send(payload)
    expect(response.statusCode).toBe(400)
    expect(JSON.parse(response.body)).toMatchObject({
      error: { message: expect.stringContaining(words), id: response.headers['x-grym-error-id'] },
    })
  })

  test('a body that would set a prototype sets nothing', async () => {
    expect((await send('{"model":"a","__proto__":{"pinned":false}}')).statusCode).toBe(200)
    expect(manager.pins).toEqual([['a', true]])
  })
})

test('what is not there is told with the next step, and the id stands in header and body', async () => {
  const response = await get('/nowhere')
  expect(response.statusCode).toBe(404)
  const { error } = JSON.parse(response.body) as { error: { id: string; reason: string } }
  expect(error).toMatchObject({ reason: 'route-not-found', id: response.headers['x-grym-error-id'] })
})

test('a fault of ours is told without its inside, and logged under its id', async () => {
  manager.status = () => {
    throw new Error('secret inside')
  }
  const response = await get('/grym/v1/status')
  expect(response.statusCode).toBe(500)
  expect(response.body).not.toContain('secret inside')
})
