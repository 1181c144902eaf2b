import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AdminGround } from '../../../test/support/admin-ground.ts'

/*
 * What is done to models by hand, over HTTP. Conversations, contexts, history and configuration: state-routes.test.ts.
 */

let ground: AdminGround

beforeEach(async () => {
  ground = await AdminGround.start()
})

afterEach(() => ground[Symbol.asyncDispose]())

const MODELS = '/grym/v1/models'

describe('what a call answers', () => {
  test.each<[string, object, unknown]>([
    ['identify', { model: 'x' }, { modelId: 'x' }],
    ['identify', {}, { modelId: 'a' }],
    ['identify', { model: null }, { modelId: 'a' }],
    ['load', { model: 'x' }, expect.objectContaining({ modelId: 'x', state: 'ready', loadMs: 7 })],
    ['load', {}, expect.objectContaining({ modelId: 'a' })],
    ['unload', { model: 'x' }, { modelId: 'x', state: 'unloaded', wasLoaded: true }],
    ['free', {}, { unloadedModels: ['a'] }],
    ['pin', { model: 'x' }, { model: 'x', pinned: true }],
    ['pin', { pinned: false }, { model: 'default', pinned: false }],
    ['allocate', { model: 'x', requiredBytes: 1, preferredBytes: 2 }, { model: 'x', allocated: true }],
  ])('%s %j', async (call, body, answer) => {
    expect(await ground.answer('POST', `${MODELS}/${call}`, body)).toEqual(answer)
  })

  test('status is the manager’s', async () => {
    expect(await ground.answer('GET', '/grym/v1/status')).toEqual(ground.manager.status())
  })

  test('free needs no body', async () => {
    expect(await ground.answer('POST', `${MODELS}/free`)).toEqual({ unloadedModels: ['a'] })
  })

  test('what was to be pinned and promised reaches the manager as it was said', async () => {
    await ground.answer('POST', `${MODELS}/pin`, { model: 'x', pinned: false })
    await ground.answer('POST', `${MODELS}/pin`, {})
    await ground.answer('POST', `${MODELS}/allocate`, { requiredBytes: 5, preferredBytes: 6 })
    expect(ground.manager.pins).toEqual([
      ['x', false],
      [undefined, true],
    ])
    expect(ground.manager.allocations).toEqual([[undefined, { requiredBytes: 5, preferredBytes: 6 }]])
  })

  test.each(['identify', 'load'])('%s of an unknown model is 404', async (call) => {
    expect(await ground.refusal('POST', `${MODELS}/${call}`, { model: 'unknown' })).toMatchObject({
      status: 404,
      reason: 'model-not-found',
    })
  })
})

describe('a wrong body is refused, and nothing is done', () => {
  const calls = ['models/identify', 'models/load', 'models/unload', 'models/pin', 'models/allocate', 'tokens/count']
  const bodies: [string, unknown][] = [
    ['nothing', undefined],
    ['null', null],
    ['a list', []],
    ['a text', 'a'],
    ['a number', 7],
    ['true', true],
  ]

  test.each(calls.flatMap((call) => bodies.map(([name, body]): [string, string, unknown] => [call, name, body])))(
    '%s: %s',
    async (call, _, body) => {
      const { status, reason, message } = await ground.refusal('POST', `/grym/v1/${call}`, body)
      expect([status, reason]).toEqual([400, 'invalid-request'])
      expect(message).toContain('Send {"model": "name"')
      expect([ground.manager.pins, ground.manager.allocations]).toEqual([[], []])
    },
  )

  test.each<[string, object, string]>([
    ['models/identify', { model: 5 }, 'model'],
    ['models/load', { model: ['a'] }, 'model'],
    ['models/load', { keep_alive: 'soon' }, 'keep_alive'],
    ['models/load', { priority: 11 }, 'priority'],
    ['models/load', { pin: 'yes' }, 'pin'],
    ['models/load', { num_ctx: 0 }, 'num_ctx'],
    ['models/load', { num_ctx: 1.5 }, 'num_ctx'],
    ['models/unload', { model: {} }, 'model'],
    ['models/pin', { model: false }, 'model'],
    ['models/pin', { pinned: 'yes' }, 'pinned'],
    ['models/pin', { pinned: null }, 'pinned'],
    ['models/allocate', { preferredBytes: 1 }, 'requiredBytes'],
    ['models/allocate', { requiredBytes: '1', preferredBytes: 1 }, 'requiredBytes'],
    ['models/allocate', { requiredBytes: 1.5, preferredBytes: 2 }, 'requiredBytes'],
    ['models/allocate', { requiredBytes: 1 }, 'preferredBytes'],
    ['tokens/count', { model: 'a' }, 'messages'],
    ['tokens/count', { messages: 'hi' }, 'messages'],
    ['tokens/count', { messages: [{ role: 'robot', content: 'x' }] }, 'messages.0.role'],
  ])('%s %j names %s', async (call, body, param) => {
    const refusal = await ground.refusal('POST', `/grym/v1/${call}`, body)
    expect(refusal).toMatchObject({ status: 400, param, message: expect.stringContaining(`${param}: `) })
  })
})

test.each([
  [-1, 400],
  [0, 200],
  [1, 200],
  [Number.MAX_SAFE_INTEGER - 1, 200],
  [Number.MAX_SAFE_INTEGER, 200],
  [Number.MAX_SAFE_INTEGER + 1, 400],
])('allocate %i bytes: %i', async (bytes, status) => {
  const body = { requiredBytes: bytes, preferredBytes: bytes }
  expect((await ground.send('POST', `${MODELS}/allocate`, body)).status).toBe(status)
})

describe('counting tokens', () => {
  test('gives the manager messages in grym’s own form', async () => {
    const messages = [
      { role: 'developer', content: [{ type: 'text', text: 'ab' }] },
      { role: 'user', content: 'c' },
    ]
    expect(await ground.answer('POST', '/grym/v1/tokens/count', { messages })).toEqual({ tokens: 3, source: 'exact' })
    expect(await ground.answer('POST', '/grym/v1/tokens/count', { messages: [] })).toMatchObject({ tokens: 0 })
  })

  test('refuses an image', async () => {
    const messages = [{ role: 'user', content: [{ type: 'image_url' }] }]
    expect((await ground.refusal('POST', '/grym/v1/tokens/count', { messages })).message).toContain('image_url')
  })

  test.each([
    [9_999, 200],
    [10_000, 200],
    [10_001, 400],
  ])('%i messages: %i', async (count, status) => {
    const messages = Array.from({ length: count }, () => ({ role: 'user', content: 'x' }))
    expect((await ground.send('POST', '/grym/v1/tokens/count', { messages })).status).toBe(status)
  })
})

test.each<[object, unknown]>([
  [{}, undefined],
  [{ keep_alive: null, num_ctx: null }, undefined],
  [
    { keep_alive: '5m', num_ctx: 8_192 },
    { keepAliveMs: 300_000, contextTokens: 8_192 },
  ],
  [
    { keep_alive: -1, priority: 10, pin: true },
    { keepAliveMs: null, priority: 10, pinned: true },
  ],
  [{ ttl: 60 }, { keepAliveMs: 60_000 }],
  [{ num_ctx: 1 }, { contextTokens: 1 }],
])('a load with %j asks for %j', async (fields, wish) => {
  const asked: unknown[] = []
  Object.assign(ground.manager, {
    load: async (_model: unknown, _signal: unknown, wished: unknown) => asked.push(wished),
  })
  await ground.answer('POST', `${MODELS}/load`, { model: 'a', ...fields })
  expect(asked).toEqual([wish])
})

test.each(['load', 'unload', 'free', 'allocate'])('a client that leaves aborts %s', async (call) => {
  const begun = Promise.withResolvers<AbortSignal>()
  const waiting = (...given: unknown[]): Promise<never> => {
    begun.resolve(given.find((each) => each instanceof AbortSignal) as AbortSignal)
    return new Promise(() => {})
  }
  Object.assign(ground.manager, { load: waiting, unload: waiting, freeAll: waiting, allocate: waiting })
  const leaving = new AbortController()
  const body = { requiredBytes: 1, preferredBytes: 1 }
  const left = ground.send('POST', `${MODELS}/${call}`, body, leaving.signal).catch(() => 'left')
  const signal = await begun.promise
  leaving.abort()
  await expect.poll(() => signal.aborted).toBe(true)
  expect(await left).toBe('left')
})
