import type { Clock } from '../spec/clock.ts'
import type { EventLog } from './event-log.ts'

/** Resolves when this is idle, which only an event can make it, or after `graceMs`. */
export function whenIdle(
  isIdle: () => boolean,
  events: Pick<EventLog, 'subscribe'>,
  clock: Clock,
  graceMs: number,
): Promise<void> {
  return new Promise((resolve) => {
    if (isIdle()) return resolve()
    const done = (): void => {
      timer.cancel()
      unsubscribe()
      resolve()
    }
    const timer = clock.setTimer(graceMs, done)
    const unsubscribe = events.subscribe(undefined, () => {
      if (isIdle()) done()
    })
  })
}
