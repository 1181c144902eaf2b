import { createHash } from 'node:crypto'
import { beforeAll, afterAll, describe, expect, test } from 'vitest'
import { ServedManager } from '../../test/support/served-manager.ts'
import { KeyRing } from './key-ring.ts'

const digest = createHash('sha256').update('k1').digest('hex')
const ring = new KeyRing({ laptop: { digest, keepAliveMs: 0, priority: 4 } }, 'local')
let served: ServedManager

beforeAll(async () => {
  served = await ServedManager.start({
    admit: (headers) => ring.admit(headers),
    keyDefaults: (owner) => ring.defaultsOf(owner),
  })
})
afterAll(() => served[Symbol.asyncDispose]())

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${served.url}${path}`, { headers })

test.each(['/health', '/ready', '/', '/health?x=1'])('%s needs no key', async (path) => {
  expect((await get(path)).status).toBe(200)
})

describe('without a key', () => {
  test.each([
    ['/v1/models', (error: { reason: string }) => error.reason],
    ['/grym/v1/status', (error: { reason: string }) => error.reason],
    ['/nowhere', (error: { reason: string }) => error.reason],
    ['/health/', (error: { reason: string }) => error.reason],
    ['//health', (error: { reason: string }) => error.reason],
  ])('%s is 401 in OpenAI’s words', async (path, reasonOf) => {
    const response = await get(path)
    expect(response.status).toBe(401)
    const { error } = (await response.json()) as { error: { reason: string; message: string } }
    expect(reasonOf(error)).toBe('key-missing')
    expect(error.message).toContain('Authorization: Bearer')
  })

  test('Anthropic’s clients hear of it in their words', async () => {
    const response = await get('/v1/models', { 'anthropic-version': '2023-06-01', 'x-api-key': 'wrong' })
    expect(response.status).toBe(401)
    expect(await response.json()).toMatchObject({
      type: 'error',
      error: { type: 'authentication_error', reason: 'key-unknown' },
    })
  })

  test('Ollama’s in theirs', async () => {
    const response = await fetch(`${served.url}/api/show`, { method: 'POST', body: '{"model":"a"}' })
    expect(response.status).toBe(401)
    expect(typeof ((await response.json()) as { error: unknown }).error).toBe('string')
  })
})

test('its key opens the door, says whose the request is, and how its model is kept', async () => {
  const asked = served.manager.next()
  const left = new AbortController()
  const init = {
    method: 'POST',
    headers: { authorization: 'Bearer k1' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'hi' }] }),
    signal: left.signal,
  }
  const answer = fetch(`${served.url}/v1/chat/completions`, init).catch(() => undefined)
  const { request } = await asked
  expect(request.conversation?.owner).toBe(digest)
  expect(request.wish).toEqual({ keepAliveMs: 0, priority: 4 })
  left.abort()
  await answer
})
