import { type ResourceError, resourceError } from '../spec/errors.ts'
import type { ModelId } from '../spec/model.ts'

/** For what is asked of a model that has left, or was never there. */
export function notInMemory(modelId: ModelId): ResourceError {
  return resourceError('engine-lost', `${modelId} is not in memory any more. Send the request again.`)
}
