import { describe, expect, test } from 'vitest'
import { CoreUnderTest, decisions, deeds, model } from '../../test/support/core-world.ts'
import { idleTimeoutMs } from './eviction.ts'
import { idleExpiryAtMs } from './unloads.ts'

const A = model('a', { idleTimeoutMs: 60_000 })

/** What the timer of a model is, and when it runs out. */
function timer(core: CoreUnderTest, modelId = 'a'): readonly [number, number | undefined] {
  const record = core.world.models.get(modelId)
  if (!record) throw new Error(`${modelId} is unknown`)
  return [idleTimeoutMs(core.world, record), idleExpiryAtMs(core.world, record)]
}

describe('a stay that a request wishes for', () => {
  test('is the idle timer from then on: a millisecond before it, and at it', () => {
    const core = new CoreUnderTest()
    core.wish('one', A, { keepAliveMs: 5_000 })
    core.loaded('a')
    core.finished('one')
    expect(timer(core)).toEqual([5_000, 5_000])
    expect(deeds(core.pass(4_999))).toEqual([])
    expect(decisions(core.pass(1))).toEqual(['unload a idle'])
  })

  test('holds for later requests that say nothing, until one says otherwise', () => {
    const core = new CoreUnderTest()
    core.wish('one', A, { keepAliveMs: 5_000 })
    core.loaded('a')
    core.finished('one')
    core.use(A, 'two')
    expect(timer(core)[0]).toBe(5_000)
    core.wish('three', A, { keepAliveMs: 90_000 })
    core.finished('three')
    expect(deeds(core.pass(89_999))).toEqual([])
    expect(deeds(core.pass(1))).toEqual(['unload a'])
  })

  test('ends when the model leaves memory: what is configured holds again', () => {
    const core = new CoreUnderTest()
    core.wish('one', A, { keepAliveMs: null })
    core.loaded('a')
    core.finished('one')
    core.tell({ type: 'unloadRequested', requestId: 'u', modelId: 'a' })
    core.unloaded('a')
    core.use(A, 'two')
    expect(timer(core)[0]).toBe(60_000)
  })

  test('of a request that gets no turn changes nothing', () => {
    const core = new CoreUnderTest()
    core.use(A)
    core.ask('one', A)
    core.wish('two', A, { keepAliveMs: 1 })
    core.tell({ type: 'requestCancelled', requestId: 'two' })
    core.finished('one')
    expect(timer(core)[0]).toBe(60_000)
  })

  test('is set by a load by hand, too, and is journalled when it changes', () => {
    const core = new CoreUnderTest()
    core.askLoad('load', A, { keepAliveMs: null })
    expect(decisions(core.loaded('a'))).toContain('keep-alive a')
    expect(timer(core)).toEqual([Infinity, undefined])
    expect(decisions(core.askLoad('again', A, { keepAliveMs: null }))).toEqual([])
  })
})

describe('0: as soon as nothing is served', () => {
  test('the model goes with the end of the last request, whichever that is', () => {
    const core = new CoreUnderTest()
    const pair = model('a', { parallel: 2 })
    core.ask('long', pair)
    core.loaded('a')
    core.wish('short', pair, { keepAliveMs: 0 })
    expect(deeds(core.finished('short'))).toEqual([])
    expect(deeds(core.finished('long'))).toEqual(['unload a'])
  })

  test('not while somebody waits for it', () => {
    const core = new CoreUnderTest()
    core.wish('one', A, { keepAliveMs: 0 })
    core.loaded('a')
    core.ask('two', A)
    expect(deeds(core.finished('one'))).toEqual(['grant two'])
    expect(deeds(core.finished('two'))).toEqual(['unload a'])
  })

  test('a client that leaves ends its request, too', () => {
    const core = new CoreUnderTest()
    core.wish('one', A, { keepAliveMs: 0 })
    core.loaded('a')
    expect(deeds(core.tell({ type: 'requestCancelled', requestId: 'one' }))).toEqual(['unload a'])
  })

  test('said by a load by hand it is unloaded again at once; of one that is pinned nothing changes', () => {
    const core = new CoreUnderTest()
    core.askLoad('load', A, { keepAliveMs: 0 })
    expect(deeds(core.loaded('a'))).toEqual(['end load', 'unload a'])
    core.askLoad('pinned', model('b', { pinned: true }), { keepAliveMs: 0 })
    expect(deeds(core.loaded('b'))).toEqual(['end pinned'])
  })
})

describe('no timer', () => {
  test('is not a pin: the model stays for ever, and is evicted when only it makes room', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 1 } })
    core.wish('one', A, { keepAliveMs: null })
    core.loaded('a')
    core.finished('one')
    expect(deeds(core.pass(10_000_000))).toEqual([])
    expect(deeds(core.ask('two', model('b')))).toEqual(['unload a'])
  })

  test('is evicted after one with a timer, though it was used longer ago', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 2 } })
    core.wish('one', A, { keepAliveMs: null })
    core.loaded('a')
    core.finished('one')
    core.pass(1_000)
    core.use(model('b'))
    expect(deeds(core.ask('two', model('c')))).toEqual(['unload b'])
  })
})
