import { setTimeout as pause } from 'node:timers/promises'
import type { EngineModels } from '../../src/spec/offered-model.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'

/** How far a clock moves at once: what a wait is measured by. */
const STEP_MS = 50

/** Lists while the clock runs, slowly enough for sockets to do their work; how long that took, and how many models there are. */
export async function timedList(
  models: EngineModels,
  clock: VirtualClock,
): Promise<readonly [waitedMs: number, count: number]> {
  const beganAtMs = clock.nowMs()
  const listing = models.list().then((found) => [clock.nowMs() - beganAtMs, found.length] as const)
  // What answers at all does so before the clock moves.
  for (let waitMs = 250; ; waitMs = 1) {
    const answer = await Promise.race([listing, pause(waitMs)])
    if (answer) return answer
    await clock.advanceTo(clock.nowMs() + STEP_MS)
  }
}
