import type { Publication } from '../core/effect.ts'
import type { GrymEvent } from '../spec/events.ts'

export type EventListener = (event: GrymEvent) => void

/** Events remembered for a follower that resumes. */
const MAX_REMEMBERED_EVENTS = 1_000

/**
 * Numbers events and hands them to listeners. A listener that throws is told about (`onListenerError`) and stays;
 * it can hurt neither the publisher nor the others.
 */
export class EventLog {
  readonly #remembered: GrymEvent[] = []
  readonly #listeners = new Set<EventListener>()
  readonly #onListenerError: (error: unknown) => void
  #lastId: number

  /** @param lastId the last id that an earlier instance gave: ids rise across restarts, too. */
  constructor(onListenerError: (error: unknown) => void, lastId = 0) {
    this.#onListenerError = onListenerError
    this.#lastId = lastId
  }

  get lastId(): number {
    return this.#lastId
  }

  publish(publication: Publication, atMs: number): void {
    const event: GrymEvent = { id: ++this.#lastId, atMs, ...publication }
    this.#remembered.push(event)
    if (this.#remembered.length > MAX_REMEMBERED_EVENTS) this.#remembered.shift()
    for (const listener of this.#listeners) this.#tell(listener, event)
  }

  /**
   * Calls the listener for remembered events with an id above `afterEventId` (none when it is absent), then for every
   * new one. Returns the unsubscriber.
   */
  subscribe(afterEventId: number | undefined, listener: EventListener): () => void {
    if (afterEventId !== undefined) {
      for (const event of this.#remembered) if (event.id > afterEventId) this.#tell(listener, event)
    }
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #tell(listener: EventListener, event: GrymEvent): void {
    try {
      listener(event)
    } catch (error) {
      this.#onListenerError(error)
    }
  }
}
