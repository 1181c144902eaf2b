import type { Decisions } from './decisions.ts'
import type { ModelRecord, RequestRecord } from './world.ts'

/**
 * A request that gets its turn sets its model's idle timer, where it wishes for one. In force until another request
 * says otherwise or the model leaves memory; `idleTimeoutMs` in `eviction.ts` reads it.
 */
export function keepAlive(model: ModelRecord, { wish, requestId }: RequestRecord, decisions: Decisions): void {
  const { keepAliveMs } = wish
  if (keepAliveMs === undefined || keepAliveMs === model.keepAliveMs) return
  model.keepAliveMs = keepAliveMs
  // No number = no timer.
  const inputs = keepAliveMs === null ? {} : { keepAliveMs }
  decisions.record('keep-alive', { modelId: model.definition.id, requestId }, inputs)
}
