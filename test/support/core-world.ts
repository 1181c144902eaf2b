import type { Effect } from '../../src/core/effect.ts'
import type { CoreEvent } from '../../src/core/event.ts'
import { step } from '../../src/core/step.ts'
import { createWorld, type LargerWindow, type World } from '../../src/core/world.ts'
import type { ErrorReason } from '../../src/spec/error-reason.ts'
import type { MemoryReading } from '../../src/spec/memory.ts'
import type { ModelWish } from '../../src/spec/model-wish.ts'
import { DEFAULT_ENGINE_OPTIONS, type ModelDefinition } from '../../src/spec/model.ts'
import { DEFAULT_SETTINGS, type Settings } from '../../src/spec/settings.ts'

type EventBody = CoreEvent extends infer Event ? (Event extends CoreEvent ? Omit<Event, 'atMs'> : never) : never

const MB = 1_000_000

/** A machine of 1,000 MB, of which 800 MB are for models, unless told otherwise. */
export function reading(usedBytes: number, totalBytes: number = 1_000 * MB, atMs = 0): MemoryReading {
  const availableBytes = Math.max(0, totalBytes - usedBytes)
  const pressureRatio = usedBytes / totalBytes
  return { atMs, totalBytes, usedBytes, availableBytes, pressureRatio, pressureSources: [], gpus: [] }
}

/** A model of 100 MB: 80 of weights, 15 of context, 5 of process. */
export function model(id: string, changes: Partial<ModelDefinition> = {}): ModelDefinition {
  return {
    id,
    platform: 'local',
    engineKey: id,
    contextTokens: 1_000,
    parallel: 1,
    engine: DEFAULT_ENGINE_OPTIONS,
    estimate: { weightsBytes: 80 * MB, contextBytes: 15 * MB, processBytes: 5 * MB, source: 'estimated' },
    maxPromptBytes: null,
    pinned: false,
    idleTimeoutMs: 300_000,
    priority: 0,
    defaults: {},
    ...changes,
  }
}

export interface SettingsChanges {
  readonly limits?: Partial<Settings['limits']>
  readonly retry?: Partial<Settings['retry']>
  readonly breaker?: Partial<Settings['breaker']>
  readonly quarantine?: Partial<Settings['quarantine']>
  readonly gpuBackend?: Settings['gpuBackend']
}

export function settings(changes: SettingsChanges = {}): Settings {
  return {
    limits: { ...DEFAULT_SETTINGS.limits, maxBusyEngines: 2, ...changes.limits },
    retry: { ...DEFAULT_SETTINGS.retry, ...changes.retry },
    breaker: { ...DEFAULT_SETTINGS.breaker, ...changes.breaker },
    quarantine: { ...DEFAULT_SETTINGS.quarantine, ...changes.quarantine },
    sampling: DEFAULT_SETTINGS.sampling,
    pressure: DEFAULT_SETTINGS.pressure,
    gpuBackend: changes.gpuBackend ?? null,
  }
}

/** Tells one core what happens, and remembers what it wants done. */
export class CoreUnderTest {
  readonly world: World
  readonly effects: Effect[] = []
  /** Memory as the next reading has it. */
  usedBytes = 0
  #nowMs = 0

  constructor(changes: SettingsChanges = {}) {
    this.world = createWorld(settings(changes), reading(0))
  }

  tell(body: EventBody): Effect[] {
    const effects = step(this.world, { ...body, atMs: this.#nowMs })
    this.effects.push(...effects)
    return effects
  }

  /** Time passes; at once, so that a long silence counts as sleep unless it is cut into pieces. */
  pass(durationMs: number): Effect[] {
    const before = this.effects.length
    for (let leftMs = durationMs; leftMs > 0; leftMs -= 10_000) {
      this.#nowMs += Math.min(10_000, leftMs)
      this.tell({ type: 'timePassed' })
    }
    return this.effects.slice(before)
  }

  /** Time jumps and nothing could happen in between. */
  sleep(durationMs: number): Effect[] {
    this.#nowMs += durationMs
    return this.tell({ type: 'timePassed' })
  }

  ask(requestId: string, definition: ModelDefinition, requestHash: string = requestId): Effect[] {
    return this.tell({ type: 'requestArrived', requestId, definition, kind: 'infer', requestHash })
  }

  askLoad(requestId: string, definition: ModelDefinition, wish?: ModelWish): Effect[] {
    return this.tell({ type: 'requestArrived', requestId, definition, kind: 'load', requestHash: requestId, wish })
  }

  /** @param larger the same model with the window that was wished for. */
  wish(requestId: string, definition: ModelDefinition, wish: ModelWish, larger?: LargerWindow): Effect[] {
    const request = { requestId, definition, kind: 'infer', requestHash: requestId } as const
    return this.tell({ type: 'requestArrived', ...request, wish, larger })
  }

  /** Ends the load that was started last for this model. */
  loaded(modelId: string, bytes: number = 100 * MB): Effect[] {
    const memory = reading((this.usedBytes += bytes))
    const contextTokens = this.world.models.get(modelId)?.definition.contextTokens ?? 0
    const found = { loadMs: 100, footprint: { bytes, source: 'measured' as const }, contextTokens }
    return this.tell({
      type: 'loadSucceeded',
      modelId,
      loadId: this.loadId(modelId),
      ...found,
      heldFileBytes: 0,
      memory,
    })
  }

  failed(modelId: string, reason: ErrorReason): Effect[] {
    const memory = reading(this.usedBytes)
    return this.tell({
      type: 'loadFailed',
      modelId,
      loadId: this.loadId(modelId),
      error: { reason, message: reason },
      memory,
    })
  }

  unloaded(modelId: string, bytes: number = 100 * MB): Effect[] {
    return this.tell({ type: 'unloadSucceeded', modelId, memory: reading((this.usedBytes -= bytes)) })
  }

  lost(engineKey: string, bytes: number = 100 * MB): Effect[] {
    const memory = reading((this.usedBytes -= bytes))
    return this.tell({ type: 'engineLost', engineKey, cause: 'crashed', detail: 'signal SIGSEGV', memory })
  }

  finished(requestId: string): Effect[] {
    return this.tell({ type: 'requestFinished', requestId, grantId: this.grantId(requestId) })
  }

  answering(requestId: string): Effect[] {
    return this.tell({ type: 'requestAnswering', requestId, grantId: this.grantId(requestId) })
  }

  /** Asks, loads and finishes: the model is ready and idle afterwards. */
  use(definition: ModelDefinition, requestId = `use-${definition.id}`, bytes: number = 100 * MB): void {
    this.ask(requestId, definition)
    if (this.state(definition.id) === 'loading') this.loaded(definition.id, bytes)
    this.finished(requestId)
  }

  state(modelId: string): string | undefined {
    return this.world.models.get(modelId)?.state
  }

  loadId(modelId: string): number {
    return this.world.models.get(modelId)?.load?.loadId ?? 0
  }

  grantId(requestId: string): number {
    return this.world.requests.get(requestId)?.grantId ?? 0
  }
}

/** Effects in short, without records and publications: `load a`, `grant r1`, `unload a`, `end r1 queue-full`. */
export function deeds(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => {
    switch (effect.type) {
      case 'load':
        return [`load ${effect.definition.id}`]
      case 'abortLoad':
      case 'unload':
        return [`${effect.type} ${effect.modelId}`]
      case 'dropSpare':
        return ['dropSpare']
      case 'grant':
        return [`grant ${effect.requestId}`]
      case 'end':
        return [`end ${effect.requestId}${effect.error ? ` ${effect.error.reason}` : ''}`]
      case 'record':
      case 'publish':
        return []
    }
  })
}

/** Journal entries in short: `evict a evicted`. */
export function decisions(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.type !== 'record') return []
    const { decision, modelId, reason } = effect.entry
    return [[decision, modelId, reason].filter((part) => part !== undefined).join(' ')]
  })
}
