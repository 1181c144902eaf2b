import { expect, test } from 'vitest'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { inTime } from './in-time.ts'

const DEADLINE_MS = 50

/** What comes of work that takes so long, and what came too late. */
async function outcomeAfter(durationMs: number): Promise<[string | undefined, string[]]> {
  const clock = new VirtualClock(0)
  const late: string[] = []
  const work = new Promise<string>((resolve) => clock.setTimer(durationMs, () => resolve('done')))
  const outcome = inTime(clock, work, DEADLINE_MS, (value) => late.push(value))
  await clock.advanceTo(10 * DEADLINE_MS)
  return [await outcome, late]
}

test('work that is done before its time is over counts, later it is put away', async () => {
  expect(await outcomeAfter(DEADLINE_MS - 1)).toEqual(['done', []])
  expect(await outcomeAfter(DEADLINE_MS + 1)).toEqual([undefined, ['done']])
})

test('work that fails gives nothing', async () => {
  expect(await inTime(new VirtualClock(0), Promise.reject(new Error('broken')), DEADLINE_MS)).toBeUndefined()
})
