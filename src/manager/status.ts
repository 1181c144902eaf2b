import { footprintBytes } from '../core/budget.ts'
import { idleExpiryAtMs } from '../core/unloads.ts'
import type { ModelRecord, World } from '../core/world.ts'
import { isInMemory } from '../core/world.ts'
import type { ModelStatus, Status } from '../spec/status.ts'

/** A copy of what the world shows, for `GET /grym/v1/status`. */
export function describeWorld(world: World): Pick<Status, 'pressureRatio' | 'memory' | 'models' | 'queue'> {
  const { pressureRatio, totalBytes, availableBytes, usedBytes, pressureSources } = world.memory
  return {
    pressureRatio,
    memory: { totalBytes, availableBytes, usedBytes, pressureSources },
    models: [...world.models.values()].map((model) => describeModel(world, model)),
    queue: { waiting: world.queue.length, running: world.requests.size - world.queue.length },
  }
}

export function describeModel(world: World, model: ModelRecord): ModelStatus {
  const { id, platform, contextTokens, estimate } = model.definition
  const wasUsed = isInMemory(model)
  return {
    id,
    state: model.state,
    platform,
    footprintBytes: footprintBytes(model),
    footprintSource: model.footprint?.source ?? estimate.source,
    contextTokens,
    activeRequests: model.running.size,
    pinned: model.pinned,
    lastUsedAtMs: wasUsed ? model.lastUsedAtMs : null,
    expiresAtMs: idleExpiryAtMs(world, model) ?? null,
    pid: model.pid ?? null,
    ...(model.state === 'error' && model.lastError !== undefined && { lastError: model.lastError }),
  }
}
