import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { KeptList, type ListAnswer } from './kept-list.ts'

const LIST: ListAnswer<string> = { rows: ['a'], hasFailed: false }
const FAILURE: ListAnswer<string> = { rows: [], hasFailed: true }

/** A kept list of an engine that takes so long and answers so, as it says now. */
function ground(isExpected: boolean) {
  const clock = new VirtualClock(0)
  const engine = { answer: LIST, tookMs: 0, asked: 0 }
  const list = new KeptList<string>({
    clock,
    isExpected,
    ask: () => {
      engine.asked++
      const { answer, tookMs } = engine
      return new Promise((resolve) => clock.setTimer(tookMs, () => resolve(answer)))
    },
  })
  /** How long the rows take to come, and which. */
  const rows = async (): Promise<readonly [waitedMs: number, ...string[]]> => {
    const beganAtMs = clock.nowMs()
    const asked = list.rows().then((found) => [clock.nowMs() - beganAtMs, ...found] as const)
    for (;;) {
      const answer = await Promise.race([asked, new Promise<undefined>((resolve) => setImmediate(resolve, undefined))])
      if (answer) return answer
      clock.runNext(Infinity)
    }
  }
  return { clock, engine, list, rows }
}

describe.each([true, false])('a list of an engine that is expected: %s', (isExpected) => {
  test('is good for 2 s from when it came', async () => {
    const { clock, engine, rows } = ground(isExpected)
    engine.tookMs = 5_000
    expect(await rows()).toEqual([5_000, 'a'])
    await clock.advanceTo(6_999)
    expect(await rows()).toEqual([0, 'a'])
    await clock.advanceTo(7_000)
    expect(await rows()).toEqual([5_000, 'a'])
    expect(engine.asked).toBe(2)
  })

  test('is asked for by one question, however many want it', async () => {
    const { engine, list, rows } = ground(isExpected)
    const [first, second] = [list.rows(), list.rows()]
    await rows()
    expect(await Promise.all([first, second])).toEqual([['a'], ['a']])
    expect(engine.asked).toBe(1)
  })

  test.each([
    [0, 2_000],
    [300, 3_000],
    [1_000, 10_000],
    [2_000, 10_000],
  ])('that failed after %i ms is believed to fail for %i ms more', async (tookMs, believedForMs) => {
    const { clock, engine, rows } = ground(isExpected)
    Object.assign(engine, { answer: FAILURE, tookMs })
    expect(await rows()).toEqual([tookMs])
    await clock.advanceTo(clock.nowMs() + believedForMs - 1)
    expect(await rows()).toEqual([0])
    expect(engine.asked).toBe(1)
    await clock.advanceTo(clock.nowMs() + 1)
    await rows()
    expect(engine.asked).toBe(2)
  })
})

describe('after a failure', () => {
  test('one that nobody expects is asked behind the request, once, and its answer is there for a later one', async () => {
    const { clock, engine, rows } = ground(false)
    Object.assign(engine, { answer: FAILURE, tookMs: 1_000 })
    await rows()
    await clock.advanceTo(11_000)
    engine.answer = LIST
    expect(await rows()).toEqual([100])
    expect(await rows()).toEqual([0])
    await clock.advanceTo(12_000)
    expect(await rows()).toEqual([0, 'a'])
    expect(engine.asked).toBe(2)
  })

  test('one that answers is found at once', async () => {
    const { clock, engine, rows } = ground(false)
    engine.answer = FAILURE
    await rows()
    await clock.advanceTo(2_000)
    Object.assign(engine, { answer: LIST, tookMs: 20 })
    expect(await rows()).toEqual([20, 'a'])
  })

  test('one that is expected is waited for', async () => {
    const { clock, engine, rows } = ground(true)
    engine.answer = FAILURE
    await rows()
    await clock.advanceTo(2_000)
    Object.assign(engine, { answer: LIST, tookMs: 1_500 })
    expect(await rows()).toEqual([1_500, 'a'])
  })
})

test('a mistake of ours is told to whoever asked, and nothing is kept of it', async () => {
  let isBroken = true
  const ask = (): Promise<ListAnswer<string>> => (isBroken ? Promise.reject(new TypeError('x')) : Promise.resolve(LIST))
  const list = new KeptList<string>({ clock: new VirtualClock(0), isExpected: false, ask })
  await expect(list.rows()).rejects.toThrow(TypeError)
  isBroken = false
  expect(await list.rows()).toEqual(['a'])
})
