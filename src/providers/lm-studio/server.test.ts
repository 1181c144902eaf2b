import type { ServerResponse } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ScriptedUpstream, type Script, sendJson } from '../../../test/support/scripted-upstream.ts'
import type { Clock } from '../../spec/clock.ts'
import { toErrorData } from '../../spec/errors.ts'
import { SystemClock } from '../../system/system-clock.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { isSameModel, LmStudioServer } from './server.ts'

/** LM Studio answers what it does not know with status 200. */
function unknownPath(path: string, response: ServerResponse): void {
  sendJson(response, 200, { error: `Unexpected endpoint or method. (GET ${path})` })
}

/** Lists one model by these paths alone. */
function listing(...paths: readonly string[]): Script {
  return ({ path }, response) => {
    if (path === '/lmstudio-greeting') return sendJson(response, 200, { lmstudio: true })
    if (!paths.includes(path)) return unknownPath(path, response)
    const rows = [{ key: 'a', id: 'a', loaded_instances: [] }]
    sendJson(response, 200, path === '/api/v1/models' ? { models: rows } : { object: 'list', data: rows })
  }
}

async function ground(
  script: Script,
  options: { token?: string; clock?: Clock } = {},
): Promise<{ upstream: ScriptedUpstream; server: LmStudioServer }> {
  const upstream = await ScriptedUpstream.start(script)
  const server = new LmStudioServer({ baseUrl: `${upstream.url}/`, clock: new SystemClock(), ...options })
  onTestFinished(async () => {
    await server.close()
    await upstream[Symbol.asyncDispose]()
  })
  return { upstream, server }
}

describe('its interface is found', () => {
  test.each([
    ['v1', ['/api/v1/models', '/api/v0/models', '/v1/models']],
    ['v0', ['/api/v0/models', '/v1/models']],
    ['openai', ['/v1/models']],
  ] as const)('%s, and asked again without a detour', async (by, paths) => {
    const { upstream, server } = await ground(listing(...paths))
    expect((await server.list()).map(({ key }) => key)).toEqual(['a'])
    expect(server.interface).toBe(by)
    const askedBefore = upstream.seen.length
    await server.list()
    expect(upstream.seen.slice(askedBefore).map(({ path }) => path)).toEqual([paths[0]])
  })

  test('again, when it has become another one', async () => {
    const { upstream, server } = await ground(listing('/api/v1/models'))
    await server.list()
    upstream.script = listing('/api/v0/models')
    expect(await server.list()).toHaveLength(1)
    expect(server.interface).toBe('v0')
  })

  test('and another server that lists models in OpenAI’s way is none', async () => {
    const { server } = await ground(({ path }, response) => {
      if (path === '/v1/models') return sendJson(response, 200, { data: [{ id: 'a' }] })
      sendJson(response, 404, { error: { message: 'File Not Found' } })
    })
    await expect(server.list()).rejects.toMatchObject({ reason: 'engine-refused' })
  })

  test('and what is none is refused', async () => {
    const { server } = await ground(({ path }, response) => sendJson(response, 404, `no ${path}`))
    await expect(server.list()).rejects.toMatchObject({ reason: 'engine-refused' })
    expect(server.interface).toBeUndefined()
  })
})

test('a token is sent, and a missing one is told at the first question', async () => {
  const guarded: Script = ({ headers, path }, response) => {
    if (headers.authorization === 'Bearer sk-lm-1') return listing('/api/v1/models')({ path } as never, response)
    sendJson(response, 401, { error: { code: 'invalid_api_key', message: 'An LM Studio API token is required' } })
  }
  const { server } = await ground(guarded, { token: 'sk-lm-1' })
  expect(await server.list()).toHaveLength(1)
  const { upstream, server: without } = await ground(guarded)
  await expect(without.list()).rejects.toMatchObject({ reason: 'engine-refused' })
  expect(upstream.seen).toHaveLength(1)
})

test('what is not there says so at once, and is looked at anew afterwards', async () => {
  const { upstream, server } = await ground(listing('/api/v1/models'))
  await server.list()
  await upstream[Symbol.asyncDispose]()
  await expect(server.list()).rejects.toMatchObject({ reason: 'engine-unreachable' })
  expect(server.interface).toBeUndefined()
})

test('a list that does not come is waited for until its deadline', async () => {
  const clock = new VirtualClock(0)
  const { upstream, server } = await ground(() => {}, { clock })
  const refused = server.list().then(() => undefined, toErrorData)
  while (upstream.seen.length === 0) await new Promise((resolve) => setImmediate(resolve))
  await clock.advanceTo(5_000)
  expect(await refused).toMatchObject({ reason: 'engine-unreachable' })
})

test('one that leaves is told that it has left, not that nobody answered', async () => {
  const { upstream, server } = await ground(() => {})
  const leaving = new AbortController()
  const refused = server.list({ signal: leaving.signal }).then(() => undefined, toErrorData)
  while (upstream.seen.length === 0) await new Promise((resolve) => setImmediate(resolve))
  leaving.abort()
  expect(await refused).toMatchObject({ reason: 'request-cancelled' })
})

test('a refusal is one with any status', async () => {
  const { server } = await ground((_, response) => sendJson(response, 200, { error: 'Invalid model identifier "x"' }))
  const asked = server.ask({ path: '/api/v1/models/load', body: {}, task: 'load', key: 'x', deadlineMs: 1_000 })
  await expect(asked).rejects.toMatchObject({ reason: 'model-file-missing' })
})

test.each([
  ['http://127.0.0.1:1234', true],
  ['http://localhost:1234', true],
  ['http://[::1]:1234', true],
  ['http://studio.example:1234', false],
])('%s is on this machine: %s', (baseUrl, isLocal) => {
  expect(new LmStudioServer({ baseUrl, clock: new VirtualClock(0) }).isLocal).toBe(isLocal)
})

test.each([
  ['google/gemma', 'google/gemma', true],
  ['google/gemma:2', 'google/gemma', true],
  ['Google/Gemma', 'google/gemma:3', true],
  ['google/gemma', 'gemma', false],
])('asked for %s, answered by %s: %s', (asked, answering, isSame) => {
  expect(isSameModel(asked, answering)).toBe(isSame)
})
