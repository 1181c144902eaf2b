import { allocationExpiryAtMs } from './allocations.ts'
import { idleExpiryAtMs } from './unloads.ts'
import type { World } from './world.ts'

/**
 * The next moment at which time alone changes something: a deadline, an idle timer, a retry. The manager wakes the
 * core then with `timePassed`; `undefined` = nothing is due.
 */
export function nextWakeAtMs(world: World): number | undefined {
  let nextMs = Infinity
  // What is past was looked at in the step just taken and waits for something else than time.
  const consider = (atMs: number): void => {
    if (atMs > world.nowMs && atMs < nextMs) nextMs = atMs
  }
  for (const request of world.queue) consider(request.deadlineAtMs)
  for (const model of world.models.values()) {
    if (model.load) consider(model.load.deadlineAtMs)
    if (model.retryAtMs !== undefined) consider(model.retryAtMs)
    consider(model.unloadRetryAtMs)
    for (const expiresAtMs of [idleExpiryAtMs(world, model), allocationExpiryAtMs(model)]) {
      if (expiresAtMs !== undefined) consider(expiresAtMs)
    }
  }
  return nextMs === Infinity ? undefined : nextMs
}
