import { toErrorData } from '../../../spec/errors.ts'
import type { FromWorker } from './protocol.ts'

/** Thrown inside a run that was cancelled. */
export class Cancelled extends Error {}

/** What the host is told of a run that threw. */
export function runFailure(runId: number, error: unknown): FromWorker {
  if (error instanceof Cancelled) return { type: 'cancelled', runId }
  return { type: 'runFailed', runId, error: toErrorData(error) }
}
