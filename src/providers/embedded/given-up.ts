import { type ResourceError, resourceError } from '../../spec/errors.ts'

export function givenUp(): ResourceError {
  return resourceError('request-cancelled', 'The request was cancelled before it was complete.')
}

/** The work's outcome, or a rejection as soon as the signal aborts; the work itself is the caller's to undo. */
export function orAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(givenUp())
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
