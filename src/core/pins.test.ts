import { describe, expect, test } from 'vitest'
import { CoreUnderTest, decisions, deeds, model } from '../../test/support/core-world.ts'

function pin(core: CoreUnderTest, id: string, pinned = true): ReturnType<CoreUnderTest['tell']> {
  return core.tell({ type: 'pinRequested', requestId: `pin-${id}`, definition: model(id), pinned })
}

describe('pins', () => {
  test('a pinned model is never evicted; unpinned it is again', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 2 } })
    core.use(model('a'))
    core.pass(1)
    core.use(model('b'))
    pin(core, 'a')
    expect(deeds(core.ask('one', model('c')))).toEqual(['unload b'])
    core.unloaded('b')
    core.loaded('c')
    pin(core, 'a', false)
    expect(deeds(core.ask('two', model('d')))).toEqual(['unload a'])
  })

  test('pins up to the model limit are taken, one more is refused', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 2 } })
    expect(deeds(pin(core, 'a'))).toEqual(['end pin-a'])
    expect(deeds(pin(core, 'b'))).toEqual(['end pin-b'])
    expect(deeds(pin(core, 'c'))).toEqual(['end pin-c model-limit-reached'])
    expect(core.world.models.get('c')?.pinned).toBe(false)
  })

  test('pins that do not fit into the machine together are refused', () => {
    const core = new CoreUnderTest({ limits: { maxModelsLoaded: 100 } })
    const ends = Array.from({ length: 9 }, (_, index) => deeds(pin(core, `m${index}`))).flat()
    expect(ends.at(7)).toBe('end pin-m7')
    expect(ends.at(8)).toBe('end pin-m8 memory-limit-exceeded')
  })

  test('a pin loads nothing, and doing it twice changes nothing', () => {
    const core = new CoreUnderTest()
    expect(decisions(pin(core, 'a'))).toEqual(['pin a'])
    expect(decisions(pin(core, 'a'))).toEqual([])
    expect(core.state('a')).toBe('unloaded')
  })
})
