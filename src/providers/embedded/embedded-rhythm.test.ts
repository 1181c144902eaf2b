import { expect, test } from 'vitest'
import { define } from '../../../test/support/manager-stage.ts'
import type { SaveReason } from '../../spec/state-cache.ts'
import { ScriptedStateCache } from '../../testing/scripted-state-cache.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { EmbeddedStates, LONGEST_UNSAVED_MS, RHYTHM_DELAY_MS, type StateEngine } from './embedded-states.ts'
import type { StateFacts } from './worker/state-messages.ts'

const FACTS: StateFacts = {
  ...{ engine: 'e', build: 'b', machine: 'm', gpu: 'none', flashAttention: 'no', template: 't', canBeCut: true },
}
const GROWN = { unsavedTokens: 500, tokensPerMs: 1 }

/** A model of so many slots, and the saves that are asked of its engine. */
function rhythm(slots: number) {
  const clock = new VirtualClock(1e12)
  const saves: SaveReason[] = []
  const engine: StateEngine = {
    isOver: false,
    answerState: () => {},
    saveStates: async (_, reason) => void saves.push(reason),
    fillSlot: async () => 0,
  }
  const states = new EmbeddedStates({ cache: new ScriptedStateCache(), clock, digestOf: async () => 'd' })
  const definition = { ...define('a'), parallel: slots }
  states.opened(engine, definition, { path: '/m.gguf', sizeBytes: 1, contextTokens: 512 }, FACTS)
  const pass = (durationMs: number): Promise<void> => clock.advanceTo(clock.nowMs() + durationMs)
  return { states, saves, pass }
}

test('one slot: saved a second after its answer, not before, and not while the next question is read', async () => {
  const { states, saves, pass } = rhythm(1)
  states.runBegins('a')
  states.runEnds('a', GROWN)
  await pass(RHYTHM_DELAY_MS - 1)
  states.runBegins('a')
  await pass(RHYTHM_DELAY_MS)
  expect(saves).toEqual([])
  states.runEnds('a', GROWN)
  await pass(RHYTHM_DELAY_MS - 1)
  expect(saves).toEqual([])
  await pass(1)
  expect(saves).toEqual(['rhythm'])
})

test('several slots that are never all idle: what one of them read is saved while the others work', async () => {
  const { states, saves, pass } = rhythm(4)
  states.runBegins('a')
  for (let turn = 0; turn < 3; turn++) {
    states.runBegins('a')
    states.runEnds('a', GROWN)
    states.runBegins('a')
    await pass(RHYTHM_DELAY_MS)
    expect(saves).toHaveLength(turn + 1)
  }
})

test('a program that never rests: saved after a minute all the same', async () => {
  const { states, saves, pass } = rhythm(1)
  const turn = async (durationMs: number): Promise<void> => {
    states.runBegins('a')
    await pass(durationMs)
    states.runEnds('a', GROWN)
  }
  await turn(500)
  await turn(LONGEST_UNSAVED_MS - 1)
  expect(saves).toEqual([])
  await turn(1)
  expect(saves).toEqual(['displaced'])
  // What grows from here on has its own minute.
  await turn(500)
  expect(saves).toHaveLength(1)
})
