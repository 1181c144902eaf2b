import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AdminGround } from '../../../test/support/admin-ground.ts'
import { storedConversation } from '../../../test/support/state-server.ts'

/*
 * What is kept, over HTTP: conversations, contexts, history, and the configuration.
 */

let ground: AdminGround

beforeEach(async () => {
  ground = await AdminGround.start()
})

afterEach(() => ground[Symbol.asyncDispose]())

/** A query, whether it is served, and what the service was asked then. */
type Query = [query: string, status: 200 | 400, given?: object]

/** How a query ended, and what the service was asked. */
async function asked(path: string): Promise<{ readonly status: number; readonly calls: readonly unknown[] }> {
  const { status } = await ground.send('GET', path)
  return { status, calls: ground.services.calls }
}

function expected(call: string, status: number, given: object | undefined): object {
  return { status, calls: status === 200 ? [[call, given]] : [] }
}

const limits: Query[] = [
  ['', 200, { limit: 100 }],
  ['?limit=0', 400],
  ['?limit=1', 200, { limit: 1 }],
  ['?limit=2', 200, { limit: 2 }],
  ['?limit=9999', 200, { limit: 9_999 }],
  ['?limit=10000', 200, { limit: 10_000 }],
  ['?limit=10001', 400],
  ['?limit=-1', 400],
  ['?limit=1.5', 400],
  ['?limit=many', 400],
  ['?limit=', 400],
  ['?limit=1&limit=2', 400],
  ['?more=1', 200, { limit: 100 }],
]

const mostCount = Number.MAX_SAFE_INTEGER

describe('conversations', () => {
  const path = '/grym/v1/conversations'

  test.each<Query>([
    ...limits,
    ['?before=-1', 400],
    ['?before=0', 200, { limit: 100, beforeMs: 0 }],
    ['?before=1', 200, { limit: 100, beforeMs: 1 }],
    ['?before=1e400', 400],
    ['?before=yesterday', 400],
    ['?before=', 400],
    ['?before=5&limit=3', 200, { limit: 3, beforeMs: 5 }],
  ])('list %s: %i', async (query, status, given) => {
    expect(await asked(`${path}${query}`)).toEqual(expected('list', status, given))
  })

  test('are listed as they are, one is shown by its id, whatever is in it', async () => {
    const odd = storedConversation({ id: 'a/b ?#' })
    ground.services.stored.push(odd, storedConversation({ id: 'c' }))
    expect(await ground.answer('GET', path)).toEqual({ conversations: ground.services.stored })
    expect(await ground.answer('GET', `${path}/${encodeURIComponent('a/b ?#')}`)).toEqual(odd)
  })

  test('one is deleted, or all of them', async () => {
    ground.services.stored.push(...['a', 'b', 'c'].map((id) => storedConversation({ id })))
    expect(await ground.answer('DELETE', `${path}/b`)).toEqual({ deleted: 1 })
    expect(ground.services.stored.map(({ id }) => id)).toEqual(['a', 'c'])
    expect(await ground.answer('DELETE', path)).toEqual({ deleted: 2 })
    expect(await ground.answer('DELETE', path)).toEqual({ deleted: 0 })
  })

  test.each(['GET', 'DELETE'])('%s of an unknown one is 404, an empty id is not all of them', async (method) => {
    ground.services.stored.push(storedConversation({ id: 'a' }))
    for (const id of ['nobody', '', 'x'.repeat(299), 'x'.repeat(301), '..%2Fa']) {
      expect((await ground.refusal(method, `${path}/${id}`)).status).toBe(404)
    }
    expect((await ground.refusal(method, `${path}/nobody`)).reason).toBe('conversation-not-found')
    expect(ground.services.stored).toHaveLength(1)
  })
})

test('a query that is refused says what is meant', async () => {
  const { reason, param, message } = await ground.refusal('GET', '/grym/v1/conversations?limit=0')
  expect([reason, param]).toEqual(['invalid-request', 'limit'])
  expect(message).toContain('?limit=1…10000')
})

describe('history', () => {
  test.each<Query>([
    ...limits,
    ['?event=-1', 400],
    ['?event=0', 200, { limit: 100, eventId: 0 }],
    ['?event=1', 200, { limit: 100, eventId: 1 }],
    [`?event=${mostCount}`, 200, { limit: 100, eventId: mostCount }],
    [`?event=${mostCount + 1}`, 400],
    ['?event=first', 400],
    ['?event=', 400],
    ['?model=more%2Fb%20%26', 200, { limit: 100, modelId: 'more/b &' }],
    [`?model=${'x'.repeat(255)}`, 200, { limit: 100, modelId: 'x'.repeat(255) }],
    [`?model=${'x'.repeat(256)}`, 200, { limit: 100, modelId: 'x'.repeat(256) }],
    [`?model=${'x'.repeat(257)}`, 400],
    ['?model=a&model=b', 400],
  ])('decisions %s: %i', async (query, status, given) => {
    expect(await asked(`/grym/v1/history${query}`)).toEqual(expected('decisions', status, given))
  })

  test.each<Query>([
    ...limits,
    ['?after=-1', 400],
    ['?after=0', 200, { limit: 100, afterEventId: 0 }],
    ['?after=1', 200, { limit: 100, afterEventId: 1 }],
    [`?after=${mostCount}`, 200, { limit: 100, afterEventId: mostCount }],
    [`?after=${mostCount + 1}`, 400],
    ['?after=', 400],
  ])('requests %s: %i', async (query, status, given) => {
    expect(await asked(`/grym/v1/history/requests${query}`)).toEqual(expected('requests', status, given))
  })

  test('is what was recorded', async () => {
    const decision = { eventId: 7, atMs: 5, decision: 'load', modelId: 'a', inputs: {} }
    expect(await ground.answer('GET', '/grym/v1/history')).toEqual({ decisions: [decision] })
    expect(await ground.answer('GET', '/grym/v1/history/requests')).toEqual({ requests: [] })
  })
})

describe('contexts', () => {
  const path = '/grym/v1/contexts'

  test('every call hands on what it was given, and gives the context', async () => {
    const window = { maxTokens: 10, contextWindow: 20 }
    const message = { role: 'user', content: 'hi', timestamp: 5 }
    const context = { modelId: 'a', conversationId: 'conv_1', messages: [], contextWindow: 20 }
    expect(await ground.answer('POST', `${path}/initialize`, { model: 'a', limits: window })).toMatchObject(context)
    expect(await ground.answer('POST', `${path}/add`, { model: 'a', message })).toMatchObject(context)
    expect(await ground.answer('POST', `${path}/get`, { model: 'a' })).toMatchObject({ context })
    expect(await ground.answer('POST', `${path}/remove`, { model: 'a' })).toEqual({ model: 'a', removed: true })
    expect(ground.services.calls).toEqual([
      ['initialize', ['a', window]],
      ['addMessage', ['a', message]],
      ['get', ['a', undefined]],
      ['remove', ['a', undefined]],
    ])
  })

  test.each([null, [], 'x', 5])('limits and a message of %j are the service’s to judge', async (value) => {
    await ground.answer('POST', `${path}/initialize`, { model: 'a', limits: value })
    await ground.answer('POST', `${path}/add`, { model: 'a', message: value })
    expect(ground.services.calls.map(([, given]) => given)).toEqual([
      ['a', value],
      ['a', value],
    ])
  })

  test('left out they are, too', async () => {
    await ground.answer('POST', `${path}/initialize`, { model: 'a' })
    await ground.answer('POST', `${path}/add`, { model: 'a' })
    expect(ground.services.calls).toEqual([
      ['initialize', ['a', undefined]],
      ['addMessage', ['a', undefined]],
    ])
  })

  test('where there is none, get says null and the others 404', async () => {
    expect(await ground.answer('POST', `${path}/get`, { model: 'none' })).toEqual({ context: null })
    for (const call of ['add', 'remove']) {
      expect(await ground.refusal('POST', `${path}/${call}`, { model: 'none' })).toMatchObject({
        status: 404,
        reason: 'context-not-found',
      })
    }
  })

  test.each(['initialize', 'get', 'add', 'remove'])('%s refuses a wrong body', async (call) => {
    const bodies = [undefined, null, [], 'a', {}, { model: null }, { model: 5 }, { model: '' }]
    for (const body of bodies) {
      expect((await ground.refusal('POST', `${path}/${call}`, body)).reason).toBe('invalid-request')
    }
    expect(ground.services.calls).toEqual([])
  })

  test.each([
    [255, 200],
    [256, 200],
    [257, 400],
  ])('a name of %i characters: %i', async (length, status) => {
    expect((await ground.send('POST', `${path}/get`, { model: 'x'.repeat(length) })).status).toBe(status)
  })
})

describe('configuration', () => {
  test('a change is handed on as it is', async () => {
    ground.judgeChanges()
    const change = { limits: { maxModelsLoaded: 2 }, debug: true }
    expect(await ground.answer('PATCH', '/grym/v1/config', change)).toEqual({ configured: true })
    expect(ground.services.calls).toEqual([['configure', change]])
  })

  test.each<[unknown, string]>([
    [undefined, 'object'],
    [null, 'object'],
    [[], 'object'],
    ['limits', 'object'],
    [7, 'object'],
    [{ limits: null }, 'limits'],
    [{ limits: [] }, 'limits'],
    [{ limits: { maxModelsLoaded: 'many' } }, 'limits.maxModelsLoaded'],
    [{ limits: { maxModelsLoaded: -1 } }, 'limits.maxModelsLoaded'],
    [{ bufers: {} }, 'bufers'],
    [{ debug: true, limits: { memoryThreshold: 8 } }, 'limits.memoryThreshold'],
  ])('%j is refused whole, and the refusal names what is wrong', async (change, words) => {
    ground.judgeChanges()
    expect(await ground.refusal('PATCH', '/grym/v1/config', change)).toMatchObject({
      status: 400,
      reason: 'config-invalid',
      message: expect.stringContaining(words),
    })
    expect(ground.services.calls).toEqual([])
  })
})
