import type { RecordedRequest } from './history.ts'

/**
 * A request as a line of a trace. The first four are the columns of the CSV traces that replay takes, so that a reader
 * of those reads these. GB = 10^9 bytes.
 */
export interface TraceRow {
  /** Arrival, seconds since the first row's. */
  readonly t_s: number
  readonly model: string
  readonly size_gb: number
  /** Seconds it was being served. */
  readonly exec_s: number
  readonly queue_s: number
  /** Of its wait, what its model took to load. */
  readonly load_s: number
  /** From the arrival to the first text; `null` = none came. */
  readonly ttft_s: number | null
  readonly prompt_tokens: number
  /** `null` = its engine does not tell. */
  readonly cached_tokens: number | null
  readonly generated_tokens: number
  /** `ok` or a reason of the error table. */
  readonly outcome: string
}

/** Rows in order of arrival; requests are recorded in the order in which they ended. */
export function traceRows(requests: readonly RecordedRequest[]): readonly TraceRow[] {
  const sorted = [...requests].sort((a, b) => a.arrivedAtMs - b.arrivedAtMs || a.eventId - b.eventId)
  const startedAtMs = sorted[0]?.arrivedAtMs ?? 0
  return sorted.map((request) => traceRow(request, startedAtMs))
}

function traceRow(request: RecordedRequest, startedAtMs: number): TraceRow {
  return {
    t_s: seconds(request.arrivedAtMs - startedAtMs),
    model: request.modelId,
    size_gb: request.footprintBytes / 1e9,
    exec_s: seconds(servedMs(request)),
    queue_s: seconds(request.queueWaitMs),
    load_s: seconds(request.loadMs),
    ttft_s: request.firstTextMs === null ? null : seconds(request.firstTextMs),
    prompt_tokens: request.promptTokens,
    cached_tokens: request.cachedTokens,
    generated_tokens: request.generatedTokens,
    outcome: request.outcome,
  }
}

/**
 * What is left of its duration after its waits. A request that failed, without any text and without a wait that ended
 * in a turn, never had its turn: all of its duration was a wait that is not counted as one.
 */
function servedMs({ outcome, firstTextMs, durationMs, queueWaitMs, loadMs }: RecordedRequest): number {
  const hadItsTurn = outcome === 'ok' || firstTextMs !== null || queueWaitMs + loadMs > 0
  return hadItsTurn ? Math.max(0, durationMs - queueWaitMs - loadMs) : 0
}

/** Three decimals. */
function seconds(durationMs: number): number {
  return Math.round(durationMs) / 1_000
}
