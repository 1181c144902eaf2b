import type { ErrorData } from '../spec/errors.ts'
import type { EventPayloads, EventType } from '../spec/events.ts'
import type { GpuPlacement } from '../spec/gpu-placement.ts'
import type { JournalEntry } from '../spec/journal.ts'
import type { ModelDefinition, ModelId, UnloadReason } from '../spec/model.ts'

/** An event to publish; the manager gives it its id. */
export type Publication = {
  readonly [Type in EventType]: { readonly type: Type; readonly data: EventPayloads[Type] }
}[EventType]

/**
 * What is to be done, in order. The manager does it and tells the outcome as an event; the core never waits.
 *
 * - `load`: ask the provider for the model, its layers placed on GPUs as said; answered by `loadSucceeded` or `loadFailed` with the same `loadId`.
 * - `abortLoad`: give that load up; its late answer is ignored.
 * - `unload`: save what it holds, give the model back, for that reason; answered by `unloadSucceeded` or `unloadFailed`.
 * - `dropSpare`: end the process that waits for a model; answered by `spareChanged`.
 * - `grant`: the request holds a lease on its model from now until `requestFinished`, `requestCancelled` or the loss of
 *   the engine.
 * - `end`: the request is answered: without an error it is done (a load, an unload), else this is its answer.
 */
export type Effect =
  | {
      readonly type: 'load'
      readonly definition: ModelDefinition
      readonly loadId: number
      readonly placement?: GpuPlacement
    }
  | { readonly type: 'abortLoad'; readonly modelId: ModelId; readonly loadId: number }
  | {
      readonly type: 'unload'
      readonly modelId: ModelId
      readonly reason: UnloadReason
      /** Moved to the cache on disk first. */
      readonly toCache?: true
    }
  | { readonly type: 'dropSpare' }
  | { readonly type: 'grant'; readonly requestId: string; readonly modelId: ModelId; readonly grantId: number }
  | { readonly type: 'end'; readonly requestId: string; readonly error?: ErrorData }
  | { readonly type: 'record'; readonly entry: JournalEntry }
  | { readonly type: 'publish'; readonly publication: Publication }
