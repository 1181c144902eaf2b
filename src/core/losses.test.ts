import { describe, expect, test } from 'vitest'
import { CoreUnderTest, decisions, deeds, model, reading } from '../../test/support/core-world.ts'

describe('a lost engine', () => {
  test('a request without a byte yet goes back to its place and is served by a fresh one', () => {
    const core = new CoreUnderTest()
    core.ask('one', model('a'))
    core.loaded('a')
    core.ask('two', model('a'))
    expect(deeds(core.lost('a'))).toEqual(['load a'])
    expect(deeds(core.loaded('a'))).toEqual(['grant one'])
  })

  test('an answer that was begun ends with an explicit error: sending it again would repeat text', () => {
    const core = new CoreUnderTest()
    core.ask('one', model('a'))
    core.loaded('a')
    core.answering('one')
    expect(deeds(core.lost('a'))).toEqual(['end one engine-lost'])
  })

  test('takes every model on it along, and the leases of each', () => {
    const core = new CoreUnderTest()
    core.ask('one', model('a'))
    core.loaded('a')
    core.ask('two', model('b', { engineKey: 'a' }))
    core.loaded('b', 15_000_000)
    const effects = core.lost('a', 115_000_000)
    expect(decisions(effects)).toEqual(expect.arrayContaining(['unload-done a crashed', 'unload-done b crashed']))
    expect(deeds(effects)).toEqual(['load a', 'load b'])
  })

  test('late messages of the lost grant are ignored', () => {
    const core = new CoreUnderTest()
    core.ask('one', model('a'))
    core.loaded('a')
    const grantId = core.grantId('one')
    core.lost('a')
    core.tell({ type: 'requestFinished', requestId: 'one', grantId })
    core.tell({ type: 'requestAnswering', requestId: 'one', grantId })
    expect(deeds(core.loaded('a'))).toEqual(['grant one'])
    expect(core.world.requests.get('one')?.isAnswering).toBe(false)
  })

  test('a model that was on its way out anyway is gone for the reason that was decided', () => {
    const core = new CoreUnderTest()
    core.use(model('a'))
    core.tell({ type: 'unloadRequested', requestId: 'u', modelId: 'a' })
    const effects = core.lost('a')
    expect(deeds(effects)).toEqual(['end u'])
    expect(decisions(effects)).toContain('unload-done a requested')
  })
})

describe('what is told of a loss', () => {
  const messages = (effects: ReturnType<CoreUnderTest['lost']>): (string | undefined)[] =>
    effects.flatMap((effect) => (effect.type === 'end' ? [effect.error?.message] : []))

  test('an answer that was begun is cut off', () => {
    const core = new CoreUnderTest()
    core.ask('one', model('a'))
    core.loaded('a')
    core.answering('one')
    expect(messages(core.lost('a'))).toEqual([
      'The engine process ended while it answered (signal SIGSEGV). The answer is cut off here; send the request again.',
    ])
  })

  test('one of which nothing was sent is not', () => {
    const core = new CoreUnderTest({ quarantine: { crashThreshold: 1 } })
    core.ask('one', model('a'))
    core.loaded('a')
    const detail = 'Ollama does not hold it any more'
    expect(
      messages(core.tell({ type: 'engineLost', engineKey: 'a', cause: 'taken', detail, memory: reading(0) })),
    ).toEqual([
      'The model was taken out of memory by somebody else (Ollama does not hold it any more). Nothing of the answer was sent; send the request again.',
    ])
  })

  test('an idle engine ended, and answered nothing', () => {
    const core = new CoreUnderTest()
    core.use(model('a'))
    core.lost('a')
    expect(core.world.models.get('a')?.lastError).toBe('The engine process ended (signal SIGSEGV).')
  })
})

describe('quarantine', () => {
  function crashTwice(core: CoreUnderTest, requestId: string, hash: string): ReturnType<CoreUnderTest['lost']> {
    core.ask(requestId, model('a'), hash)
    core.loaded('a')
    core.lost('a')
    core.loaded('a')
    return core.lost('a')
  }

  test('a request that was served at two losses is refused, and so is the same one for ten minutes', () => {
    const core = new CoreUnderTest()
    expect(deeds(crashTwice(core, 'one', 'poison'))).toEqual(['end one request-quarantined'])
    expect(deeds(core.ask('again', model('a'), 'poison'))).toEqual(['end again request-quarantined'])
    core.pass(599_999)
    expect(deeds(core.ask('early', model('a'), 'poison'))).toEqual(['end early request-quarantined'])
    core.pass(1)
    expect(deeds(core.ask('late', model('a'), 'poison'))).toEqual(['load a'])
  })

  test('another request is served as ever', () => {
    const core = new CoreUnderTest()
    crashTwice(core, 'one', 'poison')
    expect(deeds(core.ask('other', model('a'), 'harmless'))).toEqual(['load a'])
  })

  test('one loss is no reason: requests of different clients that each met one are all retried', () => {
    const core = new CoreUnderTest()
    for (const id of ['one', 'two', 'three']) {
      core.ask(id, model('a'), 'same question')
      core.loaded('a')
      core.lost('a')
      expect(deeds(core.loaded('a'))).toEqual([`grant ${id}`])
      core.finished(id)
      core.lost('a')
    }
  })

  test('remembers a bounded number of hashes: limit − 1, limit, limit + 1', () => {
    const core = new CoreUnderTest({ quarantine: { maxHashes: 2 } })
    for (const hash of ['first', 'second', 'third']) crashTwice(core, hash, hash)
    expect([...core.world.quarantine.keys()]).toEqual(['second', 'third'])
    expect(deeds(core.ask('r', model('a'), 'second'))).toEqual(['end r request-quarantined'])
    expect(deeds(core.ask('s', model('a'), 'first'))).toEqual(['load a'])
  })
})

describe('a model that somebody else took out of memory', () => {
  function take(core: CoreUnderTest): ReturnType<CoreUnderTest['tell']> {
    core.usedBytes = 0
    const detail = 'Ollama does not hold it any more'
    return core.tell({ type: 'engineLost', engineKey: 'a', cause: 'taken', detail, memory: reading(0) })
  }

  test('is told as evicted, and the journal says by whom', () => {
    const core = new CoreUnderTest()
    core.use(model('a'))
    const effects = take(core)
    expect(decisions(effects)).toEqual(['engine-lost a taken', 'unload-done a taken'])
    expect(effects).toContainEqual({
      type: 'publish',
      publication: { type: 'modelUnloaded', data: { modelId: 'a', reason: 'evicted' } },
    })
    expect(deeds(core.ask('one', model('a')))).toEqual(['load a'])
  })

  test('is loaded again for a request, and no request is quarantined for it, however often it happens', () => {
    const core = new CoreUnderTest({ quarantine: { crashThreshold: 2 } })
    core.ask('one', model('a'))
    core.loaded('a')
    expect(deeds(take(core))).toEqual(['load a'])
    core.loaded('a')
    expect(deeds(take(core))).toEqual(['end one engine-lost'])
    expect(deeds(core.ask('again', model('a'), 'one'))).toEqual(['load a'])
  })
})
