import type { Clock } from '../spec/clock.ts'
import { type ResourceError, resourceError } from '../spec/errors.ts'

export function givenUp(): ResourceError {
  return resourceError('request-cancelled', 'The request was cancelled before it was complete.')
}

/** Waits on the clock. Rejects with `request-cancelled` as soon as the signal is given. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(givenUp())
    const timer = clock.setTimer(delayMs, () => {
      signal.removeEventListener('abort', leave)
      resolve()
    })
    const leave = (): void => {
      timer.cancel()
      reject(givenUp())
    }
    signal.addEventListener('abort', leave, { once: true })
  })
}

/** The work's outcome, or `request-cancelled` as soon as the signal is given; the work itself goes on, and is the caller's to undo. */
export function orGivenUp<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(givenUp())
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
