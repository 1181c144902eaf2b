import { setImmediate } from 'node:timers/promises'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'

/** Moves a virtual clock on while real work is waited for, `stepMs` at most between two turns of the event loop. */
export async function throughClock<Result>(
  clock: VirtualClock,
  work: Promise<Result>,
  stepMs: number = Infinity,
): Promise<Result> {
  const waiting = new Set([work])
  const settled = work.finally(() => waiting.clear())
  // Told by the caller; here it is only waited for.
  settled.catch(() => undefined)
  while (waiting.size > 0) {
    clock.runNext(clock.nowMs() + stepMs)
    await setImmediate()
  }
  return settled
}
