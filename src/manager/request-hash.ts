import { createHash } from 'node:crypto'
import type { InferRequest } from '../spec/admin.ts'
import type { ModelId } from '../spec/model.ts'

/**
 * SHA-256 over the model and everything that shapes the answer, in a fixed order: the same request has the same hash,
 * streamed or not. It is a name for the quarantine, never content: nothing can be read back from it.
 */
export function requestHash(modelId: ModelId, request: InferRequest): string {
  const { model: _, isStreamed: __, conversation: ___, raw: ____, sampling, ...shape } = request
  const settings = Object.entries(sampling).sort(([a], [b]) => (a < b ? -1 : 1))
  const fields = Object.entries(shape).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256')
    .update(JSON.stringify([modelId, settings, fields]))
    .digest('hex')
}
