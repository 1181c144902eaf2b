import type { Clock } from '../../spec/clock.ts'

/** How a pause ended: its time is over, or the signal was given first. */
export type PauseEnd = 'over' | 'aborted'

/** Waits on the given clock, or until the signal. Never rejects. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<PauseEnd> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve('aborted')
    const timer = clock.setTimer(delayMs, () => {
      signal.removeEventListener('abort', onAbort)
      resolve('over')
    })
    const onAbort = (): void => {
      timer.cancel()
      resolve('aborted')
    }
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
