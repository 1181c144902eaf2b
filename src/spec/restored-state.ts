import type { OwnerId } from './owner-id.ts'

/** Who a state belongs to: found again only by the same owner, and deleted with its conversation. */
export interface StateOwner {
  /** As conversations have it: keys never share. */
  readonly owner: OwnerId
  /** Absent = it belongs to no kept conversation. */
  readonly conversationId?: string
}

/** What a restore was good for. */
export interface RestoreGain {
  /** Tokens that needed no reading because of it. */
  readonly tokens: number
  /** From the search to the state in its slot. */
  readonly restoreMs: number
  /** Estimated: these tokens at the speed at which this engine was measured to read, less `restoreMs`; `null` = not measured yet. */
  readonly savedMs: number | null
}
