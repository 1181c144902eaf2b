import { footprintBytes } from '../core/budget.ts'
import { duplicateWeights } from '../core/duplicate-weights.ts'
import { shareBytes } from '../core/gpu-placement.ts'
import { idleExpiryAtMs } from '../core/unloads.ts'
import type { ModelRecord, World } from '../core/world.ts'
import { isInMemory } from '../core/world.ts'
import type { ModelId, ModelState } from '../spec/model.ts'
import type { BufferBytes, GpuStatus, ModelListing, ModelStatus, Status } from '../spec/status.ts'
import type { LoadNote } from './load-notes.ts'

/** A copy of what the world shows, for `GET /grym/v1/status`. */
export function describeWorld(
  world: World,
  peakUsedBytes: number,
  noteOf: (modelId: ModelId) => LoadNote | undefined,
): Pick<Status, 'pressureRatio' | 'memory' | 'gpuBackend' | 'gpuFault' | 'spare' | 'models' | 'duplicates' | 'queue'> {
  const { pressureRatio, totalBytes, availableBytes, usedBytes, pressureSources, gpus } = world.memory
  return {
    pressureRatio,
    memory: { totalBytes, availableBytes, usedBytes, peakUsedBytes, pressureSources, gpus },
    gpuBackend: world.settings.gpuBackend,
    gpuFault: world.gpuFault ?? null,
    spare: world.spare ? { pid: world.spare.pid, bytes: world.spare.bytes } : null,
    models: [...world.models.values()].map((model) => describeModel(world, model, noteOf(model.definition.id))),
    duplicates: duplicateWeights(world),
    queue: { waiting: world.queue.length, running: world.requests.size - world.queue.length },
  }
}

/** A listing with its state; one in memory is told as it is run, whoever would be asked for it next. */
export function listedNow(world: World, listing: ModelListing): ModelListing & { readonly state: ModelState } {
  const model = world.models.get(listing.id)
  if (!model || !isInMemory(model)) return { ...listing, state: model?.state ?? 'unloaded' }
  const { platform, contextTokens } = model.definition
  return { ...listing, platform, contextTokens, state: model.state }
}

export function describeModel(world: World, model: ModelRecord, note: LoadNote | undefined): ModelStatus {
  const { id, platform, contextTokens, estimate } = model.definition
  const wasUsed = isInMemory(model)
  return {
    id,
    state: model.state,
    platform,
    footprintBytes: footprintBytes(model),
    footprintSource: model.footprint?.source ?? estimate.source,
    contextTokens,
    usedContextTokens: wasUsed ? (note?.usedContextTokens ?? 0) : 0,
    buffers: buffersOf(model, isBesideWeights(world, model)),
    gpu: gpuStatus(model),
    loadMs: note?.loadMs ?? null,
    activeRequests: model.running.size,
    pinned: model.pinned,
    lastUsedAtMs: wasUsed ? model.lastUsedAtMs : null,
    expiresAtMs: idleExpiryAtMs(world, model) ?? null,
    pid: model.pid ?? null,
    ...(model.state === 'error' && model.lastError !== undefined && { lastError: model.lastError }),
  }
}

function gpuStatus({ placement, definition }: ModelRecord): GpuStatus | null {
  if (!placement) return null
  const { backend, layers, source } = placement
  const shares = placement.shares.map((share) => ({ gpu: share.gpu, bytes: shareBytes(share) }))
  return { backend, layers, ofLayers: definition.gpu?.layers.length ?? layers, shares, source }
}

/**
 * The footprint in its parts. The whole is measured once the model is loaded; the weights are known from the file and
 * the contexts are estimated, so what is left is what the engine takes beside them. A model that was loaded beside
 * weights that another one holds is its contexts.
 */
function buffersOf(model: ModelRecord, isBeside: boolean): BufferBytes {
  const weightsBytes = model.definition.estimate.weightsBytes - (model.placement?.sparedWeightsBytes ?? 0)
  const contextBytes = model.definition.estimate.contextBytes - (model.placement?.sparedContextBytes ?? 0)
  const totalBytes = footprintBytes(model)
  if (isBeside || totalBytes <= weightsBytes) return { contextBytes: totalBytes, weightsBytes: 0, workingBytes: 0 }
  const context = Math.min(contextBytes, totalBytes - weightsBytes)
  return { contextBytes: context, weightsBytes, workingBytes: totalBytes - weightsBytes - context }
}

/** Is it another model that the weights are counted with? */
function isBesideWeights(world: World, model: ModelRecord): boolean {
  const { engineKey } = model.definition
  return (
    model.heldFileBytes === 0 &&
    [...world.models.values()].some(
      (other) => other !== model && other.definition.engineKey === engineKey && other.heldFileBytes > 0,
    )
  )
}
