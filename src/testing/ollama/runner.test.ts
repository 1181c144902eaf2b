import { expect, test } from 'vitest'
import type { Clock } from '../../spec/clock.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { readOptions } from './load-options.ts'
import { DEFAULT_MODELS, type FakeModel } from './models.ts'
import { Runner } from './runner.ts'

/** As real clocks do: no timer of it is longer than this. */
const LONGEST_MS = 1_000

test('a session longer than any timer ends when it is over, and not before', async () => {
  const time = new VirtualClock(0)
  const clock: Clock = {
    nowMs: () => time.nowMs(),
    setTimer: (delayMs, run) => time.setTimer(Math.min(LONGEST_MS, delayMs), run),
  }
  const [model] = DEFAULT_MODELS as readonly [FakeModel]
  const { load } = readOptions(model, {}, { age: 'llama-server', vramBytes: 0, contextTokens: 0 })
  const signature = { options: load, isShifting: true, adapters: [], projectors: [] }
  const memory = { sizeBytes: 1, sizeVramBytes: 0 }
  const runner = new Runner(model, 'blob', signature, { clock, memory, sessionMs: 2_500, slotCount: 1, pid: 1 })
  const expiredAtMs: number[] = []
  runner.startSession(() => expiredAtMs.push(time.nowMs()))
  await time.advanceTo(2_499)
  expect(expiredAtMs).toEqual([])
  await time.advanceTo(10_000)
  expect(expiredAtMs).toEqual([2_500])
  runner.startSession(() => expiredAtMs.push(time.nowMs()))
  await time.advanceTo(11_500)
  runner.use(undefined)
  await time.advanceTo(20_000)
  expect(expiredAtMs).toEqual([2_500])
})
