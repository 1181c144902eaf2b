import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CoreUnderTest, decisions, deeds, model, reading } from '../../test/support/core-world.ts'
import type { ModelDefinition } from '../spec/model.ts'
import { roomBytes } from './window.ts'
import type { LargerWindow } from './world.ts'

const MB = 1_000_000
const A = model('a')

/** The model with this window: 15 MB for each 1,000 tokens of it, beside 85 MB. */
function sized(definition: ModelDefinition, contextTokens: number): ModelDefinition {
  const estimate = { ...definition.estimate, contextBytes: (15 * MB * contextTokens) / 1_000 }
  return { ...definition, contextTokens, estimate }
}

function larger(wishedTokens: number, definition = A): LargerWindow {
  return { definition: sized(definition, wishedTokens), wishedTokens }
}

function windowOf(core: CoreUnderTest, modelId = 'a'): number | undefined {
  return core.world.models.get(modelId)?.definition.contextTokens
}

describe('a larger window', () => {
  test('of a model that is not loaded is simply loaded', () => {
    const core = new CoreUnderTest()
    core.wish('one', A, { contextTokens: 8_000 }, larger(8_000))
    expect(deeds(core.loaded('a', 205 * MB))).toEqual(['grant one'])
    expect(windowOf(core)).toBe(8_000)
  })

  test('makes a loaded one leave once what it serves is answered, and is loaded then', () => {
    const core = new CoreUnderTest()
    core.ask('one', A)
    core.loaded('a')
    const effects = core.wish('two', A, { contextTokens: 8_000 }, larger(8_000))
    expect(deeds(effects)).toEqual([])
    expect(decisions(effects)).toEqual(['grow-window a', 'unload a requested', 'wait a'])
    expect(deeds(core.finished('one'))).toEqual(['unload a'])
    expect(deeds(core.unloaded('a'))).toEqual(['load a'])
    expect(deeds(core.loaded('a', 205 * MB))).toEqual(['grant two'])
    expect(windowOf(core)).toBe(8_000)
  })

  test('one token less, the same, one token more than is in force', () => {
    for (const [contextTokens, isGrown] of [
      [999, false],
      [1_000, false],
      [1_001, true],
    ] as const) {
      const core = new CoreUnderTest()
      core.use(A)
      const wanted = contextTokens > 1_000 ? larger(contextTokens) : undefined
      const effects = core.wish('one', A, { contextTokens }, wanted)
      expect(decisions(effects).includes('grow-window a')).toBe(isGrown)
    }
  })

  test('waits for requests before it on the same model, which are served with the window in force', () => {
    const core = new CoreUnderTest()
    core.ask('one', A)
    core.loaded('a')
    core.ask('two', A)
    core.wish('three', A, { contextTokens: 8_000 }, larger(8_000))
    expect(deeds(core.finished('one'))).toEqual(['grant two'])
    expect(deeds(core.finished('two'))).toEqual(['unload a'])
  })

  test('is for requests that wish for it: one that says nothing has a loaded model not loaded anew', () => {
    const core = new CoreUnderTest()
    core.use(A)
    expect(deeds(core.wish('one', A, {}, larger(8_000)))).toEqual(['grant one'])
  })

  test('wished for while the model loads is loaded after it, once', () => {
    const core = new CoreUnderTest()
    core.ask('one', A)
    core.wish('two', A, { contextTokens: 8_000 }, larger(8_000))
    expect(deeds(core.loaded('a'))).toEqual(['grant one'])
    expect(deeds(core.finished('one'))).toEqual(['unload a'])
    core.unloaded('a')
    expect(deeds(core.loaded('a', 205 * MB))).toEqual(['grant two'])
  })

  test('that the engine itself cuts is not asked for again', () => {
    const core = new CoreUnderTest()
    core.wish('one', A, { contextTokens: 8_000 }, larger(8_000))
    const footprint = { bytes: 110 * MB, source: 'measured' as const }
    const found = { loadMs: 1, footprint, contextTokens: 4_000, heldFileBytes: 0, memory: reading(110 * MB) }
    core.tell({ type: 'loadSucceeded', modelId: 'a', loadId: core.loadId('a'), ...found })
    core.finished('one')
    expect(deeds(core.wish('two', A, { contextTokens: 8_000 }, larger(8_000)))).toEqual(['grant two'])
  })

  test('of a model that could not be unloaded just now waits: it is served as it is', () => {
    const core = new CoreUnderTest()
    core.use(A)
    core.wish('one', A, { contextTokens: 8_000 }, larger(8_000))
    const error = { reason: 'unload-failed' as const, message: 'stuck' }
    expect(deeds(core.tell({ type: 'unloadFailed', modelId: 'a', error }))).toEqual(['grant one'])
  })
})

describe('a wish never costs the answer', () => {
  test('the machine has just enough, and one byte too little', () => {
    // 85 MB + 15 MB a thousand tokens, of 800 MB.
    for (const [most, isLoaded] of [
      [800 * MB, true],
      [800 * MB - 1, false],
    ] as const) {
      const core = new CoreUnderTest()
      const definition = sized(A, 40_000)
      const estimate = { ...definition.estimate, contextBytes: definition.estimate.contextBytes + 115 * MB }
      const tight = { definition: { ...definition, estimate }, wishedTokens: 40_000 }
      core.usedBytes = 800 * MB - most
      core.tell({ type: 'memorySampled', memory: reading(core.usedBytes) })
      expect(deeds(core.wish('one', A, { contextTokens: 40_000 }, tight))).toEqual(['load a'])
      expect(windowOf(core)).toBe(isLoaded ? 40_000 : 1_000)
    }
  })

  test('a loaded model without room for it stays as it is, and one that is evictable makes room', () => {
    const core = new CoreUnderTest()
    core.use(A)
    core.ask('busy', model('b'))
    core.loaded('b', 500 * MB)
    expect(deeds(core.wish('one', A, { contextTokens: 30_000 }, larger(30_000)))).toEqual(['grant one'])
    core.finished('one')
    core.finished('busy')
    expect(deeds(core.wish('two', A, { contextTokens: 30_000 }, larger(30_000)))).toEqual(['unload a'])
    expect(deeds(core.unloaded('a'))).toEqual(['unload b'])
    expect(deeds(core.unloaded('b', 500 * MB))).toEqual(['load a'])
    expect(windowOf(core)).toBe(30_000)
  })

  test('pinned models are no room, nor is anything where the full machine rejects', () => {
    for (const limits of [{}, { whenFull: 'reject' as const }]) {
      const core = new CoreUnderTest({ limits })
      core.use(A)
      core.use(model('b', { pinned: limits.whenFull === undefined }), 'use-b', 500 * MB)
      expect(deeds(core.wish('one', A, { contextTokens: 30_000 }, larger(30_000)))).toEqual(['grant one'])
    }
  })

  test('a load that fails with it is tried with the configured one at once, and the wish is not tried again', () => {
    const core = new CoreUnderTest()
    core.wish('one', A, { contextTokens: 8_000 }, larger(8_000))
    const effects = core.failed('a', 'out-of-memory')
    expect(deeds(effects)).toEqual(['load a'])
    expect(decisions(effects)).toContain('clamp-window a out-of-memory')
    expect(windowOf(core)).toBe(1_000)
    expect(deeds(core.loaded('a'))).toEqual(['grant one'])
    core.finished('one')
    expect(deeds(core.wish('two', A, { contextTokens: 8_000 }, larger(8_000)))).toEqual(['grant two'])
    core.finished('two')
    // A larger one than was tried is tried once more.
    expect(deeds(core.wish('three', A, { contextTokens: 9_000 }, larger(9_000)))).toEqual(['unload a'])
  })
})

test('any sequence of wishes loads anew at most once for each that is larger than all before it', () => {
  const wishes = fc.array(fc.option(fc.integer({ min: 1, max: 60_000 })), { maxLength: 25 })
  fc.assert(
    fc.property(wishes, fc.boolean(), (sequence, isCut) => {
      const core = new CoreUnderTest()
      core.use(A)
      let [largest, maxima] = [A.contextTokens, 0]
      sequence.forEach((contextTokens, index) => {
        const isLargest = contextTokens !== null && contextTokens > largest
        if (isLargest) [largest, maxima] = [contextTokens, maxima + 1]
        // What is remembered comes with every request; the catalog may have cut it to what the model has.
        const most = sized(A, isCut ? Math.min(20_000, largest) : largest)
        const remembered = largest > A.contextTokens ? { definition: most, wishedTokens: largest } : undefined
        core.wish(`r${index}`, A, contextTokens === null ? {} : { contextTokens }, remembered)
        while (core.state('a') !== 'ready') {
          if (core.state('a') === 'unloading') core.unloaded('a')
          if (core.state('a') === 'loading') core.loaded('a')
        }
        expect(core.grantId(`r${index}`)).toBeGreaterThan(0)
        core.finished(`r${index}`)
      })
      expect(deeds(core.effects).filter((deed) => deed === 'load a').length - 1).toBeLessThanOrEqual(maxima)
    }),
  )
})

describe('room for a window', () => {
  test('is what is free, what the model itself takes and what may be evicted', () => {
    const core = new CoreUnderTest()
    expect(roomBytes(core.world, A)).toBe(800 * MB)
    core.use(A)
    expect(roomBytes(core.world, A)).toBe(800 * MB)
    core.use(model('idle'))
    expect(roomBytes(core.world, A)).toBe(800 * MB)
    core.use(model('pinned', { pinned: true }))
    core.ask('busy', model('busy'))
    core.loaded('busy')
    expect(roomBytes(core.world, A)).toBe(600 * MB)
  })
})
