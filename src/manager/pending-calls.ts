import { type ErrorData, fromErrorData, type ResourceError, resourceError } from '../spec/errors.ts'

export function cancelled(): ResourceError {
  return resourceError('request-cancelled', 'The client left before the answer was complete.')
}

/** Calls that wait for the core's `end`: loads, unloads, pins, promises of memory. */
export class PendingCalls {
  readonly #calls = new Map<string, (error: ErrorData | undefined) => void>()

  /**
   * Resolves or rejects as the call ends.
   *
   * @param begin tells the core; its `end` may come before this returns.
   * @param leave tells the core that nobody waits any more.
   */
  wait(requestId: string, signal: AbortSignal, begin: () => void, leave: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(cancelled())
      const abort = (): void => {
        this.#calls.delete(requestId)
        leave()
        reject(cancelled())
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#calls.set(requestId, (error) => {
        signal.removeEventListener('abort', abort)
        if (error) reject(fromErrorData(error))
        else resolve()
      })
      begin()
    })
  }

  end(requestId: string, error: ErrorData | undefined): void {
    const answer = this.#calls.get(requestId)
    this.#calls.delete(requestId)
    answer?.(error)
  }
}
