import { describe, expect, test } from 'vitest'
import { CoreUnderTest, decisions, deeds, model } from '../../test/support/core-world.ts'

describe('the queue', () => {
  test('limit − 1, limit, limit + 1 waiting requests', () => {
    const core = new CoreUnderTest({ limits: { maxQueuedRequests: 2 } })
    expect(deeds(core.ask('one', model('a')))).toEqual(['load a'])
    expect(deeds(core.ask('two', model('a')))).toEqual([])
    expect(deeds(core.ask('three', model('a')))).toEqual(['end three queue-full'])
    core.loaded('a')
    expect(deeds(core.ask('four', model('a')))).toEqual([])
  })

  test('slots are given in order of arrival, one for each that `parallel` allows', () => {
    const core = new CoreUnderTest()
    for (const id of ['one', 'two', 'three']) core.ask(id, model('a', { parallel: 2 }))
    expect(deeds(core.loaded('a'))).toEqual(['grant one', 'grant two'])
    expect(deeds(core.finished('two'))).toEqual(['grant three'])
  })

  test('no more engines generate at once than may; a model that shares a busy one may join it', () => {
    const core = new CoreUnderTest({ limits: { maxBusyEngines: 1 } })
    core.use(model('a'))
    core.use(model('b'))
    core.use(model('a2', { engineKey: 'a' }), 'use', 15_000_000)
    core.ask('one', model('a'))
    expect(deeds(core.ask('two', model('b')))).toEqual([])
    expect(deeds(core.ask('three', model('a2', { engineKey: 'a' })))).toEqual(['grant three'])
    expect(deeds(core.finished('one'))).toEqual([])
    expect(deeds(core.finished('three'))).toEqual(['grant two'])
  })

  test('waiting too long is answered, and says what it waited for', () => {
    const core = new CoreUnderTest({ limits: { loadTimeoutMs: 20_000 } })
    core.use(model('a'))
    core.ask('one', model('a'))
    core.ask('two', model('a'))
    core.pass(19_999)
    const end = core.pass(1).find(({ type }) => type === 'end')
    expect(end).toMatchObject({
      requestId: 'two',
      error: { reason: 'queue-timeout', message: expect.stringContaining('the requests before it on the same model') },
    })
  })

  test('a client that leaves frees its place at once, waiting or running', () => {
    const core = new CoreUnderTest()
    core.use(model('a'))
    core.ask('one', model('a'))
    core.ask('two', model('a'))
    core.ask('three', model('a'))
    core.tell({ type: 'requestCancelled', requestId: 'two' })
    expect(deeds(core.tell({ type: 'requestCancelled', requestId: 'one' }))).toEqual(['grant three'])
  })
})

describe('priority', () => {
  test('among waiting requests the higher goes first, then the older', () => {
    const core = new CoreUnderTest()
    core.ask('running', model('a'))
    core.loaded('a')
    for (const [id, priority] of [
      ['low', -1],
      ['first', 0],
      ['high', 10],
      ['second', 0],
      ['high2', 10],
    ] as const) {
      core.wish(id, model('a'), { priority })
    }
    expect(core.world.queue.map(({ requestId }) => requestId)).toEqual(['high', 'high2', 'first', 'second', 'low'])
    expect(deeds(core.finished('running'))).toEqual(['grant high'])
  })

  test("absent it is the model's", () => {
    const core = new CoreUnderTest({ limits: { maxBusyEngines: 1 } })
    for (const id of ['a', 'b', 'c']) core.use(model(id))
    core.ask('running', model('a'))
    core.ask('plain', model('b'))
    core.ask('preferred', model('c', { priority: 5 }))
    expect(deeds(core.finished('running'))).toEqual(['grant preferred'])
    expect(deeds(core.finished('preferred'))).toEqual(['grant plain'])
  })

  test('a retried request is back in its place: behind the higher, before the younger of its own', () => {
    const core = new CoreUnderTest()
    core.wish('retried', model('a'), { priority: 1 })
    core.loaded('a')
    core.wish('younger', model('a'), { priority: 1 })
    core.wish('higher', model('a'), { priority: 2 })
    core.lost('a')
    expect(core.world.queue.map(({ requestId }) => requestId)).toEqual(['higher', 'retried', 'younger'])
  })

  test('whoever waits for room holds back all behind it, and nobody before it', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 2 } })
    core.use(model('a'))
    core.ask('busy', model('a'))
    core.use(model('b'))
    core.ask('busy-too', model('b'))
    core.ask('room', model('c'))
    core.finished('busy-too')
    // For `room` b has to go: who comes later waits for its turn, who is more urgent is before it.
    expect(core.state('b')).toBe('unloading')
    expect(deeds(core.ask('later', model('d')))).toEqual([])
    core.wish('urgent', model('e'), { priority: 1 })
    expect(deeds(core.unloaded('b'))).toEqual(['load e'])
  })
})

describe('a pin that a request wishes for', () => {
  test('holds before the request is served, and is taken back by another', () => {
    const core = new CoreUnderTest()
    expect(decisions(core.wish('one', model('a'), { pinned: true }))[0]).toBe('pin a')
    core.loaded('a')
    core.finished('one')
    expect(deeds(core.pass(1_000_000))).toEqual([])
    expect(decisions(core.wish('two', model('a'), { pinned: true }))).toEqual(['grant a'])
    core.finished('two')
    expect(decisions(core.wish('three', model('a'), { pinned: false }))[0]).toBe('unpin a')
  })

  test('that does not fit is why the request is refused: at the limit, and one more', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 2 } })
    core.wish('one', model('a'), { pinned: true })
    expect(deeds(core.wish('two', model('b'), { pinned: true }))).toEqual(['load b'])
    expect(deeds(core.wish('three', model('c'), { pinned: true }))).toEqual(['end three model-limit-reached'])
    expect(core.world.models.get('c')?.pinned).toBe(false)
    expect(core.world.requests.has('three')).toBe(false)
  })

  test('is not taken from a request that is refused at the door', () => {
    const core = new CoreUnderTest({ limits: { maxQueuedRequests: 1 } })
    core.ask('one', model('a'))
    expect(deeds(core.wish('two', model('a'), { pinned: true }))).toEqual(['end two queue-full'])
    expect(core.world.models.get('a')?.pinned).toBe(false)
  })
})

describe('a machine that slept', () => {
  test('has not let anything time out: every deadline moves by the gap', () => {
    const core = new CoreUnderTest({ limits: { loadTimeoutMs: 40_000 } })
    core.use(model('a'))
    core.ask('one', model('a'))
    core.ask('two', model('a'))
    core.ask('load', model('b'))
    core.pass(10_000)
    const effects = core.sleep(8 * 3_600_000)
    expect(deeds(effects)).toEqual([])
    expect(decisions(effects)).toEqual(['slept'])
    expect(deeds(core.pass(29_999))).toEqual([])
    expect(deeds(core.pass(1))).toContain('end two queue-timeout')
  })

  test('a gap at the limit is time that passed; one beyond it is sleep', () => {
    const awake = new CoreUnderTest()
    awake.use(model('a', { idleTimeoutMs: 30_000 }))
    expect(deeds(awake.sleep(30_000))).toEqual(['unload a'])
    const asleep = new CoreUnderTest()
    asleep.use(model('a', { idleTimeoutMs: 30_000 }))
    expect(deeds(asleep.sleep(30_001))).toEqual([])
  })
})
