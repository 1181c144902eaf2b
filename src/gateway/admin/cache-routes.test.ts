import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AdminGround } from '../../../test/support/admin-ground.ts'
import { cacheEntry } from '../../testing/scripted-state-cache.ts'

let ground: AdminGround

beforeEach(async () => {
  ground = await AdminGround.start()
})

afterEach(() => ground[Symbol.asyncDispose]())

const MOVE = '/grym/v1/models/cache'
const TEN_YEARS_MS = 10 * 365 * 86_400_000

describe('a model is moved to the cache', () => {
  test('as the library call returns it, in megabytes, and in bytes', async () => {
    expect(await ground.answer('POST', MOVE, { model: 'x' })).toEqual({
      ...{ modelId: 'x', cachePath: '/h/.cache/models/a-1234567890.cache', wasLoaded: true, states: 2, tokens: 900 },
      ...{ beforeBytes: 14_000_000_000, afterBytes: 7_000_000_000, savedBytes: 7_000_000_000, sizeSource: 'measured' },
      metrics: { beforeSize: 14_000, afterSize: 7_000, savedMemory: 7_000 },
    })
  })

  test.each([
    [{}, [undefined, {}]],
    [{ model: null, ttl: null, priority: null }, [undefined, { ttlMs: null }]],
    [{ model: 'x', ttl: 1 }, ['x', { ttlMs: 1 }]],
    [{ ttl: TEN_YEARS_MS, priority: 'low' }, [undefined, { ttlMs: TEN_YEARS_MS, priority: 'low' }]],
  ])('%j reaches the manager as it was meant', async (body, moved) => {
    await ground.answer('POST', MOVE, body)
    expect(ground.manager.moves).toEqual([moved])
  })

  test.each([
    [{ model: 5 }, 'model'],
    [{ ttl: 0 }, 'ttl'],
    [{ ttl: 1.5 }, 'ttl'],
    [{ ttl: '5m' }, 'ttl'],
    [{ ttl: TEN_YEARS_MS + 1 }, 'ttl'],
    [{ priority: 'urgent' }, 'priority'],
  ])('%j is refused, and the field named', async (body, param) => {
    expect(await ground.refusal('POST', MOVE, body)).toMatchObject({ status: 400, reason: 'invalid-request', param })
    expect(ground.manager.moves).toEqual([])
  })

  test('an unknown model is 404', async () => {
    expect(await ground.refusal('POST', MOVE, { model: 'unknown' })).toMatchObject({ status: 404 })
  })
})

describe('the cache', () => {
  beforeEach(() => {
    ground.services.states.entries.push(cacheEntry(), cacheEntry({ entryId: 'state_2', modelId: 'other' }))
  })

  test('is listed with its report, all of it or of one model', async () => {
    const { states } = ground.services
    expect(await ground.answer('GET', '/grym/v1/cache')).toEqual({ report: states.report(), entries: states.entries })
    expect(await ground.answer('GET', '/grym/v1/cache?model=other')).toMatchObject({
      entries: [{ entryId: 'state_2' }],
    })
  })

  test('is pruned, verified and cleared', async () => {
    ground.services.states.corrupt = [{ path: '/h/.cache/models/x.cache', reason: 'cut' }]
    expect(await ground.answer('POST', '/grym/v1/cache/prune')).toEqual({ removed: 1, bytes: 5 })
    expect(await ground.answer('POST', '/grym/v1/cache/verify')).toEqual({
      verified: 2,
      corrupt: [{ path: '/h/.cache/models/x.cache', reason: 'cut' }],
    })
    expect(await ground.answer('POST', '/grym/v1/cache/clear', { model: 'other' })).toMatchObject({ removed: 1 })
    expect(await ground.answer('POST', '/grym/v1/cache/clear', {})).toMatchObject({ removed: 1 })
    expect(ground.services.states.calls).toEqual(['prune', 'verify', 'clear other', 'clear all'])
  })

  test.each([
    ['GET', '/grym/v1/cache?model=', undefined],
    ['GET', `/grym/v1/cache?model=${'x'.repeat(257)}`, undefined],
    ['POST', '/grym/v1/cache/clear', { model: '' }],
    ['POST', '/grym/v1/cache/clear', { model: 5 }],
    ['POST', '/grym/v1/cache/clear', { model: 'x'.repeat(257) }],
  ])('%s %s %j is refused', async (method, path, body) => {
    expect(await ground.refusal(method, path, body)).toMatchObject({ status: 400, param: 'model' })
    expect(ground.services.states.calls).toEqual([])
  })

  test('names of 256 characters are taken', async () => {
    expect(await ground.answer('GET', `/grym/v1/cache?model=${'x'.repeat(256)}`)).toMatchObject({ entries: [] })
  })
})
