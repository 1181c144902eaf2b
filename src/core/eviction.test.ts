import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CoreUnderTest, model } from '../../test/support/core-world.ts'
import { loadOf, missingRoom } from './budget.ts'
import { chooseVictims, isEvictable } from './eviction.ts'
import { knowModel } from './world.ts'

const MB = 1_000_000
const NONE: ReadonlySet<string> = new Set()

interface Resident {
  readonly bytes: number
  readonly engine: number
  readonly pinned: boolean
  readonly busy: boolean
  readonly timerless: boolean
}

const resident: fc.Arbitrary<Resident> = fc.record({
  bytes: fc.integer({ min: 1, max: 300 }).map((count) => count * MB),
  engine: fc.nat(3),
  pinned: fc.boolean(),
  busy: fc.boolean(),
  timerless: fc.boolean(),
})

function sized(id: string, bytes: number, engineKey: string, idleTimeoutMs: number | null): ReturnType<typeof model> {
  const contextBytes = Math.floor(bytes / 4)
  const estimate = { weightsBytes: bytes - contextBytes, contextBytes, processBytes: 0, source: 'estimated' as const }
  return model(id, { estimate, engineKey, idleTimeoutMs, parallel: 2 })
}

/** A machine full of models, whatever they are. */
function crowded(residents: readonly Resident[]): CoreUnderTest {
  const core = new CoreUnderTest({ limits: { maxModelsLoaded: 100, maxBusyEngines: 100, memoryThreshold: 1 } })
  residents.forEach(({ bytes, engine, pinned, busy, timerless }, index) => {
    const definition = sized(`m${index}`, bytes, `e${engine}`, timerless ? null : 1e9)
    core.ask(`r${index}`, definition)
    if (core.state(definition.id) === 'loading') core.loaded(definition.id, bytes)
    if (!busy) core.finished(`r${index}`)
    const record = core.world.models.get(definition.id)
    if (record) record.pinned = pinned
    core.pass(1)
  })
  return core
}

test('victims are evictable, make room together, and none of them is needless', () => {
  fc.assert(
    fc.property(fc.array(resident, { maxLength: 8 }), fc.integer({ min: 1, max: 900 }), (residents, wantedMb) => {
      const core = crowded(residents)
      const newcomer = knowModel(core.world, sized('new', wantedMb * MB, 'e0', 1e9))
      const victims = chooseVictims(core.world, loadOf(core.world, newcomer), NONE, NONE)
      const gone = new Set(victims)
      for (const id of victims) {
        const record = core.world.models.get(id)
        expect(record && isEvictable(core.world, record)).toBe(true)
      }
      if (victims.length === 0) return
      expect(missingRoom(core.world, loadOf(core.world, newcomer), gone)).toEqual({ bytes: 0, models: 0, layers: 0 })
      for (const id of victims) {
        const without = new Set([...gone].filter((other) => other !== id))
        expect(missingRoom(core.world, loadOf(core.world, newcomer), without).bytes).toBeGreaterThan(0)
      }
    }),
  )
})

test('when nothing is chosen though room is missing, even all idle models together would not make room', () => {
  fc.assert(
    fc.property(fc.array(resident, { maxLength: 8 }), fc.integer({ min: 1, max: 900 }), (residents, wantedMb) => {
      const core = crowded(residents)
      const newcomer = knowModel(core.world, sized('new', wantedMb * MB, 'e0', 1e9))
      const isShort = missingRoom(core.world, loadOf(core.world, newcomer), NONE).bytes > 0
      if (!isShort || chooseVictims(core.world, loadOf(core.world, newcomer), NONE, NONE).length > 0) return
      const idle = [...core.world.models.values()].filter((record) => isEvictable(core.world, record))
      const all = new Set(idle.map(({ definition }) => definition.id))
      expect(missingRoom(core.world, loadOf(core.world, newcomer), all).bytes).toBeGreaterThan(0)
    }),
  )
})

test('whoever has no timer is a victim only where all with a timer together would not do', () => {
  fc.assert(
    fc.property(fc.array(resident, { maxLength: 8 }), fc.integer({ min: 1, max: 900 }), (residents, wantedMb) => {
      const core = crowded(residents.map((each) => ({ ...each, timerless: false })))
      const records = [...core.world.models.values()]
      // By a request's wish, which counts before what is configured.
      residents.forEach(({ timerless }, index) => {
        const record = core.world.models.get(`m${index}`)
        if (record && timerless) record.keepAliveMs = null
      })
      const newcomer = knowModel(core.world, sized('new', wantedMb * MB, 'e0', 1e9))
      const victims = chooseVictims(core.world, loadOf(core.world, newcomer), NONE, NONE)
      const isTimerless = (id: string): boolean => core.world.models.get(id)?.keepAliveMs === null
      const timed = records.filter((record) => isEvictable(core.world, record) && record.keepAliveMs === undefined)
      const gone = new Set(timed.map(({ definition }) => definition.id))
      const { bytes, models } = missingRoom(core.world, loadOf(core.world, newcomer), gone)
      if (bytes === 0 && models === 0) expect(victims.filter(isTimerless)).toEqual([])
    }),
  )
})

test('models that earlier requests wait for are spared', () => {
  fc.assert(
    fc.property(fc.array(resident, { minLength: 1, maxLength: 8 }), fc.nat(7), (residents, wantedIndex) => {
      const core = crowded(residents)
      const newcomer = knowModel(core.world, sized('new', 900 * MB, 'e9', 1e9))
      const wanted = new Set([`m${wantedIndex % residents.length}`])
      const victims = chooseVictims(core.world, loadOf(core.world, newcomer), NONE, wanted)
      expect(victims.filter((id) => wanted.has(id))).toEqual([])
    }),
  )
})
