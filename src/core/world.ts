import type { GpuPlacement } from '../spec/gpu-placement.ts'
import type { MemoryReading } from '../spec/memory.ts'
import type { Footprint, ModelDefinition, ModelId, ModelState, UnloadReason } from '../spec/model.ts'
import type { ModelWish } from '../spec/model-wish.ts'
import type { Settings } from '../spec/settings.ts'
import type { AllocationRequest } from '../spec/status.ts'
import type { Breaker } from './breaker.ts'
import { CLOSED_BREAKER } from './breaker.ts'
import type { Quarantine } from './quarantine.ts'
import type { SpareProcess } from '../spec/provider.ts'

/** Everything the core knows. Only {@link step} changes it. */
export interface World {
  settings: Settings
  /** Time of the newest event; never goes back. */
  nowMs: number
  memory: MemoryReading
  readonly models: Map<ModelId, ModelRecord>
  /** Requests not yet answered, waiting and running ones. */
  readonly requests: Map<string, RequestRecord>
  /** Waiting requests: higher priority first, then the oldest arrival. */
  readonly queue: RequestRecord[]
  readonly quarantine: Quarantine
  /** The engine process that waits for a model; `undefined` = there is none. */
  spare: SpareRecord | undefined
  /** Why GPUs are left alone until the settings change; `undefined` = they are used. */
  gpuFault: string | undefined
  isStopping: boolean
  lastSequence: number
}

/** A model with the largest window that requests have wished for. */
export interface LargerWindow {
  readonly definition: ModelDefinition
  /** The wish itself: the window is less where the model or the machine has no more. */
  readonly wishedTokens: number
}

export interface ModelRecord {
  /** As it is in memory, or is to be loaded. */
  definition: ModelDefinition
  /** As it would be loaded if no request had wished for a larger window. */
  configured: ModelDefinition
  larger: LargerWindow | undefined
  /** The largest wish that a load was tried for in this stay: what it brought is in force. 0 = none. */
  triedTokens: number
  state: ModelState
  pinned: boolean
  /** Leases: requests that are being served. */
  readonly running: Set<string>
  /** Footprint found at the last load, while in memory. */
  footprint: Footprint | undefined
  heldFileBytes: number
  /** Where its layers lie, or are to lie while it loads; `undefined` = in RAM, or not in memory. */
  placement: GpuPlacement | undefined
  /** More layers than these found no room on the GPUs. */
  mostGpuLayers: number
  pid: number | undefined
  lastUsedAtMs: number
  /** Idle timer that the last request with a wish for one asked for, while in memory; `null` = none. Else the definition's. */
  keepAliveMs: number | null | undefined
  /** Bytes promised to it by hand, in memory or not (requirement R12); 0 = none. */
  allocatedBytes: number
  /** When a promise that no load has used ends. */
  allocationExpiresAtMs: number
  /** Set while state is `loading`. */
  load: LoadInFlight | undefined
  /** Failed attempts of the load episode that is going on. */
  failedAttempts: number
  /** Loads in this episode whose engine was killed from outside. */
  lostLoads: number
  /** Not before this time another attempt, while requests wait. */
  retryAtMs: number | undefined
  breaker: Breaker
  lastError: string | undefined
  /** Set once it is decided that the model goes; no new lease from then on. */
  leaving: UnloadReason | undefined
  /** It is moved to the cache on disk when it leaves. */
  isMovedToCache: boolean
  /** Not a candidate for unloading before this time, after an unload failed. */
  unloadRetryAtMs: number
  /** Unload calls to answer once it is out of memory. */
  readonly unloadWaiters: Set<string>
}

export interface RequestRecord {
  readonly requestId: string
  readonly modelId: ModelId
  readonly kind: RequestKind
  /** Of an `allocate`. */
  readonly allocation: AllocationRequest | undefined
  readonly requestHash: string
  readonly wish: ModelWish
  /** −10 to 10; see {@link queueOrder}. */
  readonly priority: number
  /** Order of arrival; a retried request keeps its place. */
  readonly sequence: number
  deadlineAtMs: number
  /** 0 while waiting. */
  grantId: number
  /** True once a byte of the answer may have reached the client: from then on it cannot be retried. */
  isAnswering: boolean
  /** Engine losses while it was being served. */
  crashes: number
  /** What it was found waiting for, for the message of a timeout and so that a wait is journalled once. */
  waitsFor: WaitsFor | undefined
}

/** What is known of the process that waits for a model. */
export interface SpareRecord extends SpareProcess {
  /** It was told to go; until it has, its memory is in use. */
  isLeaving: boolean
}

export interface LoadInFlight {
  readonly loadId: number
  deadlineAtMs: number
  /** The weights are held, or being loaded, by another model: only a context is added, even when that one leaves. */
  isBesideWeights: boolean
  /** With a larger window than is configured. */
  readonly isGrown: boolean
}

/**
 * `infer` holds a lease while it is served; `load` is done as soon as the model is ready; `allocate` as soon as memory
 * is promised to it.
 */
export type RequestKind = 'infer' | 'load' | 'allocate'

export type WaitsFor = 'slot' | 'cpu' | 'load' | 'retry' | 'memory' | 'models' | 'unload'

export function createWorld(settings: Settings, memory: MemoryReading): World {
  return {
    settings,
    nowMs: memory.atMs,
    memory,
    models: new Map(),
    requests: new Map(),
    queue: [],
    quarantine: new Map(),
    spare: undefined,
    gpuFault: undefined,
    isStopping: false,
    lastSequence: 0,
  }
}

/** The record of a model, made on first sight. While it is in memory its definition stays as loaded. */
export function knowModel(world: World, definition: ModelDefinition): ModelRecord {
  const known = world.models.get(definition.id)
  if (known) {
    known.configured = definition
    if (!isInMemory(known)) known.definition = definition
    return known
  }
  const model: ModelRecord = {
    definition,
    configured: definition,
    larger: undefined,
    triedTokens: 0,
    state: 'unloaded',
    pinned: definition.pinned,
    running: new Set(),
    footprint: undefined,
    heldFileBytes: 0,
    placement: undefined,
    mostGpuLayers: Infinity,
    pid: undefined,
    lastUsedAtMs: world.nowMs,
    keepAliveMs: undefined,
    allocatedBytes: 0,
    allocationExpiresAtMs: Infinity,
    load: undefined,
    failedAttempts: 0,
    lostLoads: 0,
    retryAtMs: undefined,
    breaker: CLOSED_BREAKER,
    lastError: undefined,
    leaving: undefined,
    isMovedToCache: false,
    unloadRetryAtMs: 0,
    unloadWaiters: new Set(),
  }
  world.models.set(definition.id, model)
  return model
}

/** Loading, ready and unloading models take memory and count towards the model limit. */
export function isInMemory(model: ModelRecord): boolean {
  return model.state === 'loading' || model.state === 'ready' || model.state === 'unloading'
}

/** Is this model in memory, or on its way in or out? */
export function holds(world: Readonly<World>, modelId: ModelId): boolean {
  const model = world.models.get(modelId)
  return model !== undefined && isInMemory(model)
}

/** On its way out of memory, or about to be. */
export function isLeaving(model: ModelRecord): boolean {
  return model.state === 'unloading' || model.leaving !== undefined
}

/** Bytes of weights that engines keep mapped: what `MemoryMeter.read` is told. */
export function heldFileBytes(world: World): number {
  let sumBytes = 0
  for (const model of world.models.values()) if (isInMemory(model)) sumBytes += model.heldFileBytes
  return sumBytes
}
