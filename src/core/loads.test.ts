import { describe, expect, test } from 'vitest'
import { CoreUnderTest, decisions, deeds, model, reading } from '../../test/support/core-world.ts'
import { committedBytes } from './budget.ts'

const MB = 1_000_000

describe('loads', () => {
  test('requests for a model that is loading join that load', () => {
    const core = new CoreUnderTest()
    expect(deeds(core.ask('one', model('a', { parallel: 3 })))).toEqual(['load a'])
    expect(deeds(core.ask('two', model('a')))).toEqual([])
    expect(deeds(core.askLoad('three', model('a')))).toEqual([])
    expect(deeds(core.loaded('a'))).toEqual(['grant one', 'grant two', 'end three'])
  })

  test('a load by hand is done as soon as the model is ready, and takes no lease', () => {
    const core = new CoreUnderTest()
    core.askLoad('load', model('a'))
    expect(deeds(core.loaded('a'))).toEqual(['end load'])
    expect(core.world.models.get('a')?.running.size).toBe(0)
  })

  test('a load nobody waits for any more is kept: the work is done and the next request has it', () => {
    const core = new CoreUnderTest()
    core.ask('one', model('a'))
    core.tell({ type: 'requestCancelled', requestId: 'one' })
    core.loaded('a')
    expect(core.state('a')).toBe('ready')
  })

  test('a load that takes longer than allowed is given up, and its late answer is ignored', () => {
    const core = new CoreUnderTest({ limits: { loadTimeoutMs: 20_000 }, retry: { maxAttempts: 1 } })
    core.ask('one', model('a'))
    const loadId = core.loadId('a')
    expect(deeds(core.pass(19_999))).toEqual([])
    expect(deeds(core.pass(1))).toEqual(['abortLoad a', 'end one load-timeout'])
    const late = { loadMs: 1, footprint: { bytes: 1, source: 'measured' as const }, contextTokens: 1, heldFileBytes: 0 }
    core.tell({ type: 'loadSucceeded', modelId: 'a', loadId, ...late, memory: core.world.memory })
    expect(core.state('a')).toBe('error')
  })
})

describe('a failed load', () => {
  test('is tried again after a growing pause, up to the allowed attempts, and then told', () => {
    const core = new CoreUnderTest({ retry: { maxAttempts: 3, firstDelayMs: 1_000, factor: 1.5 } })
    core.ask('one', model('a'))
    expect(deeds(core.failed('a', 'model-load-failed'))).toEqual([])
    expect(deeds(core.pass(999))).toEqual([])
    expect(deeds(core.pass(1))).toEqual(['load a'])
    core.failed('a', 'model-load-failed')
    expect(deeds(core.pass(1_499))).toEqual([])
    expect(deeds(core.pass(1))).toEqual(['load a'])
    expect(deeds(core.failed('a', 'model-load-failed'))).toEqual(['end one model-load-failed'])
    expect(core.state('a')).toBe('error')
  })

  test.each(['model-file-missing', 'model-file-corrupt', 'architecture-unsupported'] as const)(
    'with %s is never tried again by itself',
    (reason) => {
      const core = new CoreUnderTest()
      core.ask('one', model('a'))
      core.ask('two', model('a'))
      expect(deeds(core.failed('a', reason))).toEqual(['end one ' + reason, 'end two ' + reason])
      expect(deeds(core.pass(120_000))).toEqual([])
    },
  )

  test('because the engine was killed from outside is tried again at once', () => {
    const core = new CoreUnderTest()
    core.ask('one', model('a'))
    for (let kill = 0; kill < 10; kill++) expect(deeds(core.failed('a', 'engine-lost'))).toEqual(['load a'])
    expect(deeds(core.loaded('a'))).toEqual(['grant one'])
  })

  test('that nobody waits for is not tried again', () => {
    const core = new CoreUnderTest()
    core.ask('one', model('a'))
    core.tell({ type: 'requestCancelled', requestId: 'one' })
    expect(deeds(core.failed('a', 'model-load-failed'))).toEqual([])
    expect(deeds(core.pass(60_000))).toEqual([])
  })

  test('carries the guide’s code in its message', () => {
    const core = new CoreUnderTest()
    core.ask('one', model('a'))
    const end = core.failed('a', 'model-file-corrupt').find(({ type }) => type === 'end')
    expect(end).toMatchObject({ error: { message: expect.stringMatching(/^MODEL_LOAD_FAILED: a /) } })
  })
})

describe('the circuit breaker', () => {
  const changes = { retry: { maxAttempts: 1 }, breaker: { failureThreshold: 3, openMs: 60_000 } }

  function failTimes(core: CoreUnderTest, times: number): void {
    for (let index = 0; index < times; index++) {
      core.ask(`r${index}`, model('a'))
      core.failed('a', 'model-load-failed')
    }
  }

  test('stays closed one failure before its threshold and opens at it', () => {
    const core = new CoreUnderTest(changes)
    failTimes(core, 2)
    expect(deeds(core.ask('again', model('a')))).toEqual(['load a'])
    const effects = core.failed('a', 'model-load-failed')
    expect(decisions(effects)).toContain('circuit-open a')
    expect(deeds(core.ask('refused', model('a')))).toEqual(['end refused circuit-open'])
  })

  test('lets one attempt through when its pause ends; a success closes it', () => {
    const core = new CoreUnderTest(changes)
    failTimes(core, 3)
    core.pass(59_999)
    expect(deeds(core.ask('early', model('a')))).toEqual(['end early circuit-open'])
    core.pass(1)
    expect(deeds(core.ask('probe', model('a')))).toEqual(['load a'])
    expect(decisions(core.loaded('a'))).toContain('circuit-close a')
    expect(core.world.models.get('a')?.breaker.failuresInARow).toBe(0)
  })

  test('a failed probe opens it again at once', () => {
    const core = new CoreUnderTest(changes)
    failTimes(core, 3)
    core.pass(60_000)
    core.ask('probe', model('a'))
    expect(deeds(core.failed('a', 'model-load-failed'))).toEqual(['end probe model-load-failed'])
    expect(deeds(core.ask('next', model('a')))).toEqual(['end next circuit-open'])
  })

  test('is a model’s own: another model is loaded as ever', () => {
    const core = new CoreUnderTest(changes)
    failTimes(core, 3)
    expect(deeds(core.ask('other', model('b')))).toEqual(['load b'])
  })

  test('a deterministic failure does not count: what is wrong with the file is told each time', () => {
    const core = new CoreUnderTest(changes)
    for (let index = 0; index < 5; index++) {
      core.ask(`r${index}`, model('a'))
      expect(deeds(core.failed('a', 'model-file-corrupt'))).toEqual([`end r${index} model-file-corrupt`])
    }
  })
})

test('a load beside held weights adds its context only, also when the model that held them leaves (seed 230)', () => {
  const core = new CoreUnderTest()
  core.use(model('a', { engineKey: 'weights' }))
  core.ask('r', model('b', { engineKey: 'weights' }))
  expect(committedBytes(core.world)).toBe(115 * MB)
  core.tell({ type: 'unloadRequested', requestId: 'u', modelId: 'a' })
  expect(core.state('a')).toBe('unloading')
  expect(committedBytes(core.world)).toBe(115 * MB)
})

test('when the load that brings the weights fails, the one beside it brings them', () => {
  const core = new CoreUnderTest()
  core.ask('r', model('a', { engineKey: 'weights' }))
  core.ask('s', model('b', { engineKey: 'weights' }))
  expect(committedBytes(core.world)).toBe(115 * MB)
  core.failed('a', 'model-file-corrupt')
  expect(committedBytes(core.world)).toBe(100 * MB)
})

test('a window and slots that the engine decides are the model’s while it is loaded', () => {
  const core = new CoreUnderTest()
  core.ask('one', model('a', { contextTokens: 8_192 }))
  const footprint = { bytes: 1, source: 'measured' as const }
  core.tell({
    type: 'loadSucceeded',
    modelId: 'a',
    loadId: core.loadId('a'),
    ...{ loadMs: 1, footprint, contextTokens: 512, parallel: 2, heldFileBytes: 0, memory: reading(0) },
  })
  expect(core.world.models.get('a')?.definition).toMatchObject({ contextTokens: 512, parallel: 2 })
  expect(deeds(core.ask('two', model('a', { contextTokens: 8_192 })))).toEqual(['grant two'])
})
