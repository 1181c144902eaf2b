import { describe, expect, test } from 'vitest'
import { CoreUnderTest, decisions, deeds, model, reading } from '../../test/support/core-world.ts'

const MB = 1_000_000

/** A machine of 1,000 MB, 800 of them for models, with a spare process of 90 in it. */
function withSpare(usedBytes: number): CoreUnderTest {
  const core = new CoreUnderTest({ limits: { maxModelsLoaded: 100 } })
  core.usedBytes = usedBytes
  core.tell({ type: 'spareChanged', spare: { pid: 7, bytes: 90 * MB }, memory: reading(usedBytes) })
  return core
}

describe('the spare process', () => {
  test('stays while there is room', () => {
    expect(deeds(withSpare(600 * MB).effects)).toEqual([])
  })

  test('is in no load’s way: its memory counts as free, and the load takes it', () => {
    const core = withSpare(695 * MB)
    // 605 MB are others', 100 the model's: within 800, though 795 would be left without it.
    expect(deeds(core.ask('r', model('a')))).toEqual(['load a'])
    core.tell({ type: 'spareChanged', spare: undefined, memory: reading(695 * MB) })
    expect(deeds(core.loaded('a', 10 * MB))).toEqual(['grant r'])
  })

  test('goes at the warning level, once', () => {
    const core = withSpare(600 * MB)
    expect(deeds(core.tell({ type: 'memorySampled', memory: reading(699 * MB) }))).toEqual([])
    const effects = core.tell({ type: 'memorySampled', memory: reading(700 * MB) })
    expect([deeds(effects), decisions(effects)]).toEqual([['dropSpare'], ['reclaim-spare']])
    expect(deeds(core.tell({ type: 'memorySampled', memory: reading(750 * MB) }))).toEqual([])
    core.tell({ type: 'spareChanged', spare: undefined, memory: reading(610 * MB) })
    expect(core.world.spare).toBeUndefined()
  })

  test('goes when a load beside loaded weights needs the room, and no model does', () => {
    const core = withSpare(590 * MB)
    core.use(model('a', { parallel: 1 }), 'first', 100 * MB)
    core.tell({ type: 'spareChanged', spare: { pid: 7, bytes: 90 * MB }, memory: reading(690 * MB) })
    const estimate = { weightsBytes: 1, contextBytes: 150 * MB, processBytes: 0, source: 'estimated' as const }
    expect(deeds(core.ask('r', model('b', { engineKey: 'a', estimate })))).toEqual(['load b', 'dropSpare'])
  })

  test('goes for a promise, too', () => {
    const core = withSpare(600 * MB)
    const allocation = { requiredBytes: 250 * MB, preferredBytes: 250 * MB }
    const ask = { requestId: 'r', definition: model('a'), kind: 'allocate', requestHash: 'r', allocation } as const
    expect(deeds(core.tell({ type: 'requestArrived', ...ask }))).toEqual(['end r', 'dropSpare'])
  })

  test('is not dropped under a load that is about to take it', () => {
    const core = withSpare(600 * MB)
    core.ask('r', model('a'))
    expect(deeds(core.tell({ type: 'memorySampled', memory: reading(790 * MB) }))).toEqual([])
    expect(deeds(core.loaded('a', 190 * MB))).toEqual(['grant r', 'dropSpare'])
  })
})
