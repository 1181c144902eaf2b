import { describe, expect, test } from 'vitest'
import { CoreUnderTest, decisions, deeds, model } from '../../test/support/core-world.ts'
import type { Effect } from './effect.ts'

describe('unloading by hand', () => {
  test('waits for active requests, and new ones load the model again afterwards', () => {
    const core = new CoreUnderTest()
    core.ask('one', model('a'))
    core.loaded('a')
    expect(deeds(core.tell({ type: 'unloadRequested', requestId: 'u', modelId: 'a' }))).toEqual([])
    expect(deeds(core.ask('two', model('a')))).toEqual([])
    expect(deeds(core.finished('one'))).toEqual(['unload a'])
    expect(deeds(core.unloaded('a'))).toEqual(['end u', 'load a'])
    expect(deeds(core.loaded('a'))).toEqual(['grant two'])
  })

  test('of a model that is not in memory is done at once', () => {
    const core = new CoreUnderTest()
    expect(deeds(core.tell({ type: 'unloadRequested', requestId: 'u', modelId: 'never-seen' }))).toEqual(['end u'])
  })

  test('several people ask: one unload, each is told', () => {
    const core = new CoreUnderTest()
    core.use(model('a'))
    expect(deeds(core.tell({ type: 'unloadRequested', requestId: 'u', modelId: 'a' }))).toEqual(['unload a'])
    expect(deeds(core.tell({ type: 'unloadRequested', requestId: 'v', modelId: 'a' }))).toEqual([])
    expect(deeds(core.unloaded('a'))).toEqual(['end u', 'end v'])
  })

  test('that fails is told, leaves the model ready, and is not tried again for a while', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 1 } })
    core.use(model('a'))
    core.tell({ type: 'unloadRequested', requestId: 'u', modelId: 'a' })
    const error = { reason: 'unload-failed' as const, message: 'stuck' }
    expect(deeds(core.tell({ type: 'unloadFailed', modelId: 'a', error }))).toEqual(['end u unload-failed'])
    expect(core.state('a')).toBe('ready')
    expect(deeds(core.ask('r', model('b')))).toEqual([])
    expect(deeds(core.pass(5_000))).toEqual(['unload a'])
  })
})

describe('the idle timer', () => {
  test('one millisecond before, at, and not while something is being served', () => {
    const core = new CoreUnderTest()
    core.ask('one', model('a', { idleTimeoutMs: 60_000 }))
    core.loaded('a')
    expect(deeds(core.pass(100_000))).toEqual([])
    core.finished('one')
    expect(deeds(core.pass(59_999))).toEqual([])
    const effects = core.pass(1)
    expect(deeds(effects)).toEqual(['unload a'])
    expect(decisions(effects)).toEqual(['unload a idle'])
  })

  test('none, or a pin: the model stays', () => {
    const core = new CoreUnderTest()
    core.use(model('a', { idleTimeoutMs: null }))
    core.use(model('b', { idleTimeoutMs: 1_000, pinned: true }))
    expect(deeds(core.pass(1_000_000))).toEqual([])
  })

  test('each use starts it anew', () => {
    const core = new CoreUnderTest()
    core.use(model('a', { idleTimeoutMs: 60_000 }))
    core.pass(59_000)
    core.use(model('a', { idleTimeoutMs: 60_000 }), 'again')
    expect(deeds(core.pass(59_000))).toEqual([])
    expect(deeds(core.pass(1_000))).toEqual(['unload a'])
  })
})

describe('shutdown', () => {
  test('whoever waits is told, whoever is being served is served to the end, then every model goes', () => {
    const core = new CoreUnderTest()
    core.ask('running', model('a'))
    core.loaded('a')
    core.use(model('b'))
    core.ask('waiting', model('a'))
    const effects = core.tell({ type: 'shutdownRequested' })
    expect(deeds(effects)).toEqual(['end waiting shutting-down', 'unload b'])
    expect(deeds(core.ask('late', model('b')))).toEqual(['end late shutting-down'])
    expect(deeds(core.finished('running'))).toEqual(['unload a'])
    expect(decisions(core.unloaded('a'))).toEqual(['unload-done a shutdown'])
  })

  test('a load in flight ends as a model that leaves at once', () => {
    const core = new CoreUnderTest()
    core.ask('one', model('a'))
    core.tell({ type: 'shutdownRequested' })
    expect(deeds(core.loaded('a'))).toEqual(['unload a'])
  })
})

describe('moving to the cache', () => {
  const move = { type: 'unloadRequested', requestId: 'u', modelId: 'a', toCache: true } as const
  const unloadOf = (effects: readonly Effect[]): Effect | undefined => effects.find(({ type }) => type === 'unload')

  test('waits for active requests, and only then says that it goes to the cache', () => {
    const core = new CoreUnderTest()
    core.ask('one', model('a'))
    core.loaded('a')
    expect(unloadOf(core.tell(move))).toBeUndefined()
    expect(unloadOf(core.finished('one'))).toEqual({ type: 'unload', modelId: 'a', reason: 'requested', toCache: true })
    core.unloaded('a')
    core.use(model('a'))
    expect(unloadOf(core.tell({ ...move, toCache: false }))).toEqual({
      type: 'unload',
      modelId: 'a',
      reason: 'requested',
    })
  })

  test('asked of one that is to be unloaded already: it goes to the cache all the same', () => {
    const core = new CoreUnderTest()
    core.ask('one', model('a'))
    core.loaded('a')
    core.tell({ ...move, requestId: 'first', toCache: false })
    core.tell(move)
    expect(unloadOf(core.finished('one'))).toMatchObject({ toCache: true })
  })

  test('asked of one that is on its way out: that is waited for', () => {
    const core = new CoreUnderTest()
    core.use(model('a'))
    core.tell({ ...move, requestId: 'first', toCache: false })
    expect(deeds(core.tell(move))).toEqual([])
    expect(deeds(core.unloaded('a'))).toEqual(['end first', 'end u'])
  })

  test('a failure leaves it ready, and the next unload is a plain one', () => {
    const core = new CoreUnderTest()
    core.use(model('a'))
    core.tell(move)
    const error = { reason: 'cache-operation-failed' as const, message: 'No room.' }
    expect(deeds(core.tell({ type: 'unloadFailed', modelId: 'a', error }))).toEqual(['end u cache-operation-failed'])
    core.pass(5_000)
    expect(unloadOf(core.tell({ ...move, toCache: false }))).not.toHaveProperty('toCache')
  })
})
