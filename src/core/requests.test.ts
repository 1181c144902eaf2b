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
