import { createHash } from 'node:crypto'
import type { InferRequest } from '../spec/admin.ts'
import type { ModelId } from '../spec/model.ts'

/**
 * SHA-256 over the model and everything that shapes the answer, in a fixed order: the same request has the same hash,
 * streamed or not. It is a name for the quarantine, never content: nothing can be read back from it.
 */
export function requestHash(modelId: ModelId, request: InferRequest): string {
  const { messages, sampling, maxTokens, stop } = request
  const settings = Object.entries(sampling).sort(([a], [b]) => (a < b ? -1 : 1))
  const parts = [modelId, messages.map(({ role, content }) => [role, content]), settings, maxTokens ?? null, stop]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
