import type { RequestFinished } from './events.ts'
import type { JournalEntry } from './journal.ts'
import type { ModelId } from './model.ts'

/** A decision with the id of the event that told it. */
export interface RecordedDecision extends JournalEntry {
  readonly eventId: number
}

/** A request with the id of the event that told how it ended; no content. */
export interface RecordedRequest extends RequestFinished {
  readonly eventId: number
  readonly endedAtMs: number
}

export interface DecisionQuery {
  /** Decisions about this model. */
  readonly modelId?: ModelId
  /** The decision that this event told, and those about the same request or model around it. */
  readonly eventId?: number
  /** At most this many, the newest ones. */
  readonly limit: number
}

export interface RequestQuery {
  /** Only those with a larger event id: to go on where the last page ended. */
  readonly afterEventId?: number
  readonly limit: number
}

/** What was decided and served, across restarts. Real: `telemetry/journal-store.ts`. */
export interface History {
  /** Oldest first. */
  decisions(query: DecisionQuery): Promise<readonly RecordedDecision[]>
  /** Oldest first. */
  requests(query: RequestQuery): Promise<readonly RecordedRequest[]>
}
