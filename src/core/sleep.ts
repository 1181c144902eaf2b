import type { Decisions } from './decisions.ts'
import type { World } from './world.ts'

/**
 * The machine slept (or the process was stopped): nothing could happen in the gap, so nothing may have timed out in
 * it. Every deadline and last use moves by the gap. Samples come every `sampling.intervalMs`, so a silence longer than
 * `sleepGapMs` has no other reason.
 */
export function absorbSleep(world: World, atMs: number, decisions: Decisions): void {
  const gapMs = atMs - world.nowMs
  if (gapMs <= world.settings.sampling.sleepGapMs) return
  for (const request of world.requests.values()) request.deadlineAtMs += gapMs
  for (const model of world.models.values()) {
    model.lastUsedAtMs += gapMs
    if (model.load) model.load.deadlineAtMs += gapMs
    model.allocationExpiresAtMs += gapMs
  }
  world.nowMs = atMs
  decisions.record('slept', {}, { gapMs })
}
