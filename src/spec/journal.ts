import type { ErrorReason } from './error-reason.ts'
import type { ModelId, UnloadReason } from './model.ts'
import type { EngineLossCause } from './provider.ts'

/** What was decided. */
export type Decision =
  | 'load'
  | 'load-retry'
  | 'load-done'
  | 'load-failed'
  | 'gpu-fewer-layers'
  | 'evict'
  | 'unload'
  | 'unload-done'
  | 'unload-failed'
  | 'grant'
  | 'wait'
  | 'reject'
  | 'request-retry'
  | 'quarantine'
  | 'engine-lost'
  | 'circuit-open'
  | 'circuit-close'
  | 'pin'
  | 'unpin'
  | 'keep-alive'
  | 'grow-window'
  | 'clamp-window'
  | 'slept'
  | 'reclaim-spare'
  | 'allocate'
  | 'allocation-over'

/**
 * One decision with what it was decided on, so that "why was X evicted" has an answer.
 * `inputs` are numbers and names read from the world at that moment.
 */
export interface JournalEntry {
  readonly atMs: number
  readonly decision: Decision
  readonly modelId?: ModelId
  readonly requestId?: string
  readonly reason?: UnloadReason | ErrorReason | EngineLossCause
  readonly inputs: Readonly<Record<string, number | string | boolean>>
}
