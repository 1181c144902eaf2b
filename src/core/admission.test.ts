import { describe, expect, test } from 'vitest'
import { CoreUnderTest, decisions, deeds, model, reading } from '../../test/support/core-world.ts'

const MB = 1_000_000

describe('room in bytes: committed + added ≤ memoryThreshold × total', () => {
  test.each([
    ['one byte less than the limit', 700 * MB - 1, 'load a'],
    ['exactly the limit', 700 * MB, 'load a'],
    ['one byte more', 700 * MB + 1, 'end r memory-limit-exceeded'],
  ])('%s', (_, usedBytes, deed) => {
    const core = new CoreUnderTest()
    core.tell({ type: 'memorySampled', memory: reading(usedBytes) })
    expect(deeds(core.ask('r', model('a')))).toEqual([deed])
  })

  test('a load in flight is promised its bytes before they are used', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 100 } })
    const asked = Array.from({ length: 9 }, (_, index) => deeds(core.ask(`r${index}`, model(`m${index}`))))
    expect(asked.flat()).toEqual([
      'load m0',
      'load m1',
      'load m2',
      'load m3',
      'load m4',
      'load m5',
      'load m6',
      'load m7',
    ])
  })

  test('a second id on the same weights is charged its context only', () => {
    const core = new CoreUnderTest()
    core.use(model('a'))
    core.tell({ type: 'memorySampled', memory: reading(785 * MB) })
    expect(deeds(core.ask('r', model('b', { engineKey: 'a' })))).toEqual(['load b'])
  })

  test('what would not fit into the empty machine is refused for good, idle models or not', () => {
    const core = new CoreUnderTest()
    core.use(model('a'))
    const estimate = { weightsBytes: 790 * MB, contextBytes: 10 * MB, processBytes: 1, source: 'estimated' as const }
    expect(deeds(core.ask('r', model('huge', { estimate })))).toEqual(['end r model-too-large'])
    expect(deeds(core.ask('s', model('fits', { estimate: { ...estimate, processBytes: 0 } })))).toEqual(['unload a'])
  })
})

describe('the model limit', () => {
  test('limit − 1, limit, limit + 1: the last one evicts the least recently used idle model', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 2 } })
    core.use(model('a'))
    core.pass(1)
    core.use(model('b'))
    core.pass(1)
    const effects = core.ask('r', model('c'))
    expect(deeds(effects)).toEqual(['unload a'])
    expect(decisions(effects)).toEqual(['evict a evicted', 'wait c'])
    expect(deeds(core.unloaded('a'))).toEqual(['load c'])
    expect(deeds(core.loaded('c'))).toEqual(['grant r'])
  })

  test('when every model is busy the call waits, and loads when one becomes idle', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 1 } })
    core.ask('first', model('a'))
    core.loaded('a')
    expect(deeds(core.ask('second', model('b')))).toEqual([])
    expect(deeds(core.finished('first'))).toEqual(['unload a'])
    expect(deeds(core.unloaded('a'))).toEqual(['load b'])
  })

  test('with whenFull `reject` it is refused at once, with the guide’s words', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 1, whenFull: 'reject' } })
    core.use(model('a'))
    const end = core.ask('r', model('b')).find(({ type }) => type === 'end')
    expect(end).toMatchObject({
      error: { reason: 'model-limit-reached', message: expect.stringContaining('Maximum number of models loaded') },
    })
  })

  test('when only pinned models are there, waiting would not help: it is refused', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 1 } })
    core.use(model('a'))
    core.tell({ type: 'pinRequested', requestId: 'p', definition: model('a'), pinned: true })
    expect(deeds(core.ask('r', model('b')))).toEqual(['end r model-limit-reached'])
  })
})

describe('without room', () => {
  test('memory that others took cannot be given back by us: refused, not waited for', () => {
    const core = new CoreUnderTest()
    core.tell({ type: 'memorySampled', memory: reading(900 * MB) })
    const effects = core.ask('r', model('a'))
    expect(deeds(effects)).toEqual(['end r memory-limit-exceeded'])
    const end = effects.find(({ type }) => type === 'end')
    expect(end).toMatchObject({ error: { message: expect.stringContaining('Memory limit exceeded') } })
  })

  test('only as many idle models are evicted as needed, and none that the others make unnecessary', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 10 } })
    const sized = (id: string, bytes: number): ReturnType<typeof model> =>
      model(id, { estimate: { weightsBytes: bytes, contextBytes: 0, processBytes: 0, source: 'estimated' } })
    core.use(sized('small', 100 * MB), 'a', 100 * MB)
    core.pass(1)
    core.use(sized('large', 500 * MB), 'b', 500 * MB)
    core.pass(1)
    core.use(sized('young', 100 * MB), 'c', 100 * MB)
    expect(deeds(core.ask('r', sized('wanted', 500 * MB)))).toEqual(['unload large'])
  })

  test('a model without an idle timer is evicted last', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 2 } })
    core.use(model('keep', { idleTimeoutMs: null }))
    core.pass(1_000)
    core.use(model('young'))
    expect(deeds(core.ask('r', model('c')))).toEqual(['unload young'])
  })

  test('a request that waits for room holds back later ones, which could take what it waits for', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 2 } })
    core.ask('one', model('a'))
    core.loaded('a')
    core.ask('two', model('b'))
    core.loaded('b')
    core.ask('three', model('c'))
    core.finished('two')
    core.unloaded('b')
    expect(core.state('c')).toBe('loading')
    expect(deeds(core.ask('four', model('b')))).toEqual([])
  })

  test('a model that an earlier request waits for is no victim of a later one', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 2, maxBusyEngines: 1 } })
    core.ask('one', model('a'))
    core.loaded('a')
    core.use(model('b'))
    core.askLoad('load', model('b'))
    expect(core.state('b')).toBe('ready')
    core.ask('two', model('b'))
    expect(deeds(core.ask('three', model('c')))).toEqual([])
    expect(core.world.models.get('b')?.leaving).toBeUndefined()
  })
})

test('what another machine runs takes no place, no core, and nothing leaves for it', () => {
  const core = new CoreUnderTest({ limits: { maxModelsLoaded: 1, maxBusyEngines: 1 } })
  const nothing = { weightsBytes: 0, contextBytes: 0, processBytes: 0, source: 'configured' as const }
  const far = model('far', { isElsewhere: true, estimate: nothing })
  core.ask('here', model('a'))
  core.loaded('a')
  expect(deeds(core.ask('there', far))).toEqual(['load far'])
  expect(deeds(core.loaded('far', 0))).toEqual(['grant there'])
  expect(deeds(core.finished('here'))).toEqual([])
  expect(deeds(core.ask('next', model('b')))).toEqual(['unload a'])
})
