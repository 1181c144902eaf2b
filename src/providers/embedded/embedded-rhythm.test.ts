import { beforeEach, describe, expect, test } from 'vitest'
import { ScriptedStateCache } from '../../testing/scripted-state-cache.ts'
import { settlePromises, VirtualClock } from '../../testing/virtual-clock.ts'
import { localModel } from '../../../test/support/embedded-ground.ts'
import { EmbeddedStates, RHYTHM_DELAY_MS, type StateEngine } from './embedded-states.ts'
import type { StateAsk, StateFacts } from './worker/state-messages.ts'

/* When the host has states saved that nobody asked it to save. */

const FACTS: StateFacts = {
  ...{ engine: 'binding 1', build: 'b1', machine: 'linux-x64', gpu: 'none', flashAttention: 'true' },
  ...{ template: 'ab', canBeCut: true },
}
const MODEL = localModel('tiny', '/m/tiny.gguf')
/** Tokens a millisecond: a hundred a second. */
const PACE = 0.1

const ENGINE_OF = (saves: string[]): StateEngine => ({
  isOver: false,
  answerState: () => {},
  saveStates: async (_, reason) => void saves.push(reason),
  fillSlot: async () => 0,
})

let clock: VirtualClock
let states: EmbeddedStates
/** Reasons of all saves. */
let saves: string[]

beforeEach(() => {
  clock = new VirtualClock(0)
  saves = []
  states = new EmbeddedStates({ clock, cache: new ScriptedStateCache(), digestOf: async () => 'ab' })
  states.opened(ENGINE_OF(saves), MODEL, { path: '/m/tiny.gguf', sizeBytes: 1, contextTokens: 8 }, FACTS)
})

function answer(unsavedTokens: number): void {
  states.runBegins(MODEL.id)
  states.runEnds(MODEL.id, { unsavedTokens, tokensPerMs: PACE })
}

test('a quiet moment after an answer, and not before', async () => {
  answer(100)
  await clock.advanceTo(RHYTHM_DELAY_MS - 1)
  expect(saves).toEqual([])
  await clock.advanceTo(RHYTHM_DELAY_MS)
  expect(saves).toEqual(['rhythm'])
  await clock.advanceTo(10 * RHYTHM_DELAY_MS)
  expect(saves).toEqual(['rhythm'])
})

test('a new request comes before the save, which comes once it is answered', async () => {
  answer(100)
  await clock.advanceTo(RHYTHM_DELAY_MS - 1)
  states.runBegins(MODEL.id)
  await clock.advanceTo(5 * RHYTHM_DELAY_MS)
  expect(saves).toEqual([])
  states.runEnds(MODEL.id, undefined)
  await clock.advanceTo(6 * RHYTHM_DELAY_MS)
  expect(saves).toEqual(['rhythm'])
})

test('of several answers at once the last one is waited for', async () => {
  states.runBegins(MODEL.id)
  answer(100)
  await clock.advanceTo(5 * RHYTHM_DELAY_MS)
  expect(saves).toEqual([])
  states.runEnds(MODEL.id, { tokensPerMs: PACE })
  await clock.advanceTo(6 * RHYTHM_DELAY_MS)
  expect(saves).toEqual(['rhythm'])
})

test('what takes two seconds to be read again is saved at once, however busy its model is', async () => {
  states.runBegins(MODEL.id)
  answer(199)
  expect(saves).toEqual([])
  answer(200)
  expect(saves).toEqual(['displaced'])
  states.runEnds(MODEL.id, undefined)
  await clock.advanceTo(5 * RHYTHM_DELAY_MS)
  expect(saves).toEqual(['displaced'])
})

test('several slots that are never all idle: what one of them read is saved while the others work', async () => {
  states.opened(
    ENGINE_OF(saves),
    { ...MODEL, parallel: 4 },
    { path: '/m/tiny.gguf', sizeBytes: 1, contextTokens: 8 },
    FACTS,
  )
  states.runBegins(MODEL.id)
  for (let turn = 1; turn <= 3; turn++) {
    answer(100)
    states.runBegins(MODEL.id)
    await clock.advanceTo(turn * RHYTHM_DELAY_MS)
    expect(saves).toHaveLength(turn)
  }
})

test.each([
  ['nothing has grown', { tokensPerMs: PACE }],
  ['less than a file is worth', { unsavedTokens: 63, tokensPerMs: 0.01 }],
])('never where %s', async (_, end) => {
  states.runBegins(MODEL.id)
  states.runEnds(MODEL.id, end)
  await clock.advanceTo(5 * RHYTHM_DELAY_MS)
  expect(saves).toEqual([])
})

describe('what was written as another conversation took its slot', () => {
  const TOKENS = Uint32Array.from([1, 2, 3])
  const OWNER = { owner: 'local' }
  let steps: string[]
  let engine: StateEngine
  let asked = 0

  beforeEach(async () => {
    steps = []
    const cache = new ScriptedStateCache()
    const kept = { entryId: 'e', modelId: MODEL.id, path: '/e', tokens: 3, bytes: 9 }
    cache.begin = async () => ({ path: '/d', commit: async () => (steps.push('kept'), kept), abandon: async () => {} })
    cache.find = async () => void steps.push('looked for')
    engine = { ...ENGINE_OF(saves), answerState: (_, { kind }) => void steps.push(`told ${kind}`) }
    states = new EmbeddedStates({ clock, cache, digestOf: async () => 'ab' })
    states.opened(engine, MODEL, { path: '/m/tiny.gguf', sizeBytes: 1, contextTokens: 8 }, FACTS)
    states.runBegins(MODEL.id)
    const begin = { expectedBytes: 9, tokens: 3, unsavedTokens: 3, canBeCut: true, reason: 'displaced' } as const
    ask({ kind: 'begin', owner: OWNER, ...begin })
    await settlePromises()
    ask({ kind: 'commit', draftId: 1, tokens: TOKENS, isAside: true })
    await settlePromises()
    expect(steps.splice(0)).toEqual(['told draft'])
  })

  function ask(said: StateAsk): void {
    states.receive(engine, { type: 'stateAsk', askId: ++asked, contextId: MODEL.id, ask: said })
  }

  test.each<[string, () => void]>([
    ['the first word of the answer', () => states.runSpeaks(MODEL.id)],
    ['the end of the answer', () => states.runEnds(MODEL.id, undefined)],
  ])('is hashed after %s', async (_, happens) => {
    happens()
    await settlePromises()
    expect(steps).toEqual(['kept', 'told committed'])
  })

  test('is hashed after two seconds at the latest', async () => {
    await clock.advanceTo(1_999)
    expect(steps).toEqual([])
    await clock.advanceTo(2_000)
    expect(steps).toEqual(['kept', 'told committed'])
  })

  test('is kept before anything is looked for: it may be that', async () => {
    ask({ kind: 'find', owner: 'local', tokens: TOKENS, moreThanTokens: 0, mustBeWhole: false })
    await settlePromises()
    expect(steps).toEqual(['kept', 'told committed', 'looked for', 'told nothing'])
  })
})

test('not of a model that has left memory', async () => {
  answer(100)
  states.closed(MODEL.id)
  await clock.advanceTo(5 * RHYTHM_DELAY_MS)
  expect(saves).toEqual([])
})
