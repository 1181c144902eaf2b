import type { Effect, Publication } from '../core/effect.ts'
import { footprintBytes as footprintOf } from '../core/budget.ts'
import { heldFileBytes, isInMemory, type ModelRecord } from '../core/world.ts'
import type { InferChunk, InferRequest, ManagerService } from '../spec/admin.ts'
import type { ModelCatalog } from '../spec/catalog.ts'
import type { Clock } from '../spec/clock.ts'
import { fromErrorData, resourceError, toErrorData, type ErrorData, type ResourceError } from '../spec/errors.ts'
import type { GrymEvent } from '../spec/events.ts'
import type { JournalEntry } from '../spec/journal.ts'
import type { MemoryMeter, MemoryReading } from '../spec/memory.ts'
import type { Footprint, ModelDefinition, ModelId, ModelState, Platform } from '../spec/model.ts'
import type { Settings } from '../spec/settings.ts'
import type {
  AllocationRequest,
  FreeReceipt,
  LoadReceipt,
  ModelListing,
  Status,
  UnloadReceipt,
} from '../spec/status.ts'
import { type AnswerChannel, PendingAnswer } from '../spec/answer-channel.ts'
import { CoreLoop, type EventBody } from './core-loop.ts'
import { EngineRoom, type Providers } from './engine-room.ts'
import { EventLog } from './event-log.ts'
import { MemorySampler } from './memory-sampler.ts'
import { refuseSurelyTooLong } from './prompt-bound.ts'
import { requestHash } from './request-hash.ts'
import { Serving } from './serving.ts'
import { describeModel, describeWorld } from './status.ts'

/** What an instance says of itself in `status`. */
export interface InstanceIdentity {
  readonly version: string
  readonly instanceId: string
  readonly pid: number
}

export interface ManagerOptions {
  readonly clock: Clock
  readonly providers: Providers
  readonly catalog: ModelCatalog
  readonly meter: MemoryMeter
  readonly settings: Settings
  readonly identity: InstanceIdentity
  /** A fresh id for a request. */
  readonly newRequestId: () => string
  /** Every decision, in order. */
  readonly onDecision?: (entry: JournalEntry) => void
  /** A footprint was measured: worth remembering for the next estimate. */
  readonly onFootprint?: (definition: ModelDefinition, footprint: Footprint) => void
  /** A fault beside the work itself: a listener threw, a measurement failed. Goes to the log. */
  readonly onFault?: (error: unknown) => void
}

interface LastLoad {
  readonly atMs: number
  readonly loadMs: number
  isMeasuredInUse: boolean
}

function cancelled(): ResourceError {
  return resourceError('request-cancelled', 'The client left before the answer was complete.')
}

/**
 * The one owner of models, queue and leases. Everything that happens becomes an event; {@link step} decides; the
 * effects are carried out here, and how they end is the next event.
 */
export class Manager implements ManagerService {
  readonly #options: ManagerOptions
  readonly #loop: CoreLoop
  readonly #events: EventLog
  readonly #sampler: MemorySampler
  readonly #engines: EngineRoom
  readonly #servings = new Map<string, Serving>()
  /** Calls that wait for an `end`: loads, unloads, pins. */
  readonly #calls = new Map<string, (error: ErrorData | undefined) => void>()
  readonly #lastLoads = new Map<ModelId, LastLoad>()
  readonly #startedAtMs: number
  /** Time of the reading that `metricsUpdated` told last. */
  #metricsAtMs = -Infinity

  private constructor(options: ManagerOptions, memory: MemoryReading) {
    this.#options = options
    this.#startedAtMs = options.clock.nowMs()
    this.#events = new EventLog((error) => this.#fault(error))
    const { clock, meter, providers, settings } = options
    this.#loop = new CoreLoop({ clock, settings, memory, perform: (effect) => this.#perform(effect) })
    this.#sampler = new MemorySampler(
      {
        clock,
        meter,
        intervalMs: () => this.#loop.world.settings.sampling.intervalMs,
        heldFileBytes: () => heldFileBytes(this.#loop.world),
        onReading: (reading) => this.#noteReading(reading),
        onError: (error) => this.#meterFailed(error),
      },
      memory,
    )
    this.#engines = new EngineRoom({
      providers,
      readMemory: (addedFileBytes) => this.#sampler.read(addedFileBytes),
      dispatch: (event) => this.#loop.dispatch(event),
    })
  }

  /** Takes the first reading of the machine; rejects when it cannot be read. */
  static async start(options: ManagerOptions): Promise<Manager> {
    return new Manager(options, await options.meter.read(0))
  }

  infer(request: InferRequest, signal: AbortSignal): AsyncIterable<InferChunk> {
    return new PendingAnswer(this.#admit(this.#options.newRequestId(), request, signal))
  }

  async load(model: string | undefined, signal: AbortSignal): Promise<LoadReceipt> {
    const requestId = this.#options.newRequestId()
    const definition = await this.#options.catalog.resolve(model)
    const modelId = definition.id
    const askedAtMs = this.#options.clock.nowMs()
    await this.#call(requestId, signal, {
      type: 'requestArrived',
      requestId,
      definition,
      kind: 'load',
      requestHash: requestId,
    })
    const { state, footprintBytes, footprintSource } = describeModel(this.#loop.world, this.#record(modelId))
    const last = this.#lastLoads.get(modelId)
    return { modelId, state, footprintBytes, footprintSource, loadMs: last && last.atMs > askedAtMs ? last.loadMs : 0 }
  }

  async unload(model: string | undefined, signal: AbortSignal): Promise<UnloadReceipt> {
    const requestId = this.#options.newRequestId()
    const { id: modelId } = await this.#options.catalog.resolve(model)
    const before = this.#loop.world.models.get(modelId)
    const wasLoaded = before !== undefined && isInMemory(before)
    await this.#call(requestId, signal, { type: 'unloadRequested', requestId, modelId })
    return { modelId, state: this.#loop.world.models.get(modelId)?.state ?? 'unloaded', wasLoaded }
  }

  async freeAll(signal: AbortSignal): Promise<FreeReceipt> {
    const models = [...this.#loop.world.models.values()]
    const taking = models.filter((model) => isInMemory(model) || model.allocatedBytes > 0)
    const inMemory = taking.filter(isInMemory).map(({ definition }) => definition.id)
    await Promise.all(
      taking.map(({ definition: { id: modelId } }) => {
        const requestId = this.#options.newRequestId()
        return this.#call(requestId, signal, { type: 'unloadRequested', requestId, modelId })
      }),
    )
    if (inMemory.length > 0) this.#publish({ type: 'resourcesFreed', data: { unloadedModels: inMemory } })
    return { unloadedModels: inMemory }
  }

  async allocate(model: string | undefined, allocation: AllocationRequest, signal: AbortSignal): Promise<void> {
    const requestId = this.#options.newRequestId()
    const definition = await this.#options.catalog.resolve(model)
    const kind = 'allocate'
    const event = { type: 'requestArrived', requestId, definition, kind, allocation, requestHash: requestId } as const
    await this.#call(requestId, signal, event)
  }

  async pin(model: string | undefined, pinned: boolean): Promise<void> {
    const requestId = this.#options.newRequestId()
    const definition = await this.#options.catalog.resolve(model)
    const never = new AbortController().signal
    await this.#call(requestId, never, { type: 'pinRequested', requestId, definition, pinned })
  }

  status(): Status {
    const uptimeMs = this.#options.clock.nowMs() - this.#startedAtMs
    return {
      ...this.#options.identity,
      uptimeMs,
      ...describeWorld(this.#loop.world),
      lastEventId: this.#events.lastId,
    }
  }

  async models(): Promise<readonly (ModelListing & { readonly state: ModelState })[]> {
    const listings = await this.#options.catalog.list()
    return listings.map((listing) => ({
      ...listing,
      state: this.#loop.world.models.get(listing.id)?.state ?? 'unloaded',
    }))
  }

  subscribe(afterEventId: number | undefined, listener: (event: GrymEvent) => void): () => void {
    return this.#events.subscribe(afterEventId, listener)
  }

  /** Takes new settings for everything decided from now on. */
  configure(settings: Settings): void {
    this.#loop.dispatch({ type: 'settingsChanged', settings })
  }

  /**
   * Ends: nothing new begins, what is being served may finish within `graceMs`, then every engine is ended. Nothing is
   * left running.
   */
  async close(graceMs: number): Promise<void> {
    this.#loop.dispatch({ type: 'shutdownRequested' })
    await this.#idle(graceMs)
    const error = resourceError('shutting-down', 'The daemon stopped before the answer was complete. Send it again.')
    for (const serving of this.#servings.values()) serving.refuse(toErrorData(error))
    this.#sampler.stop()
    await this.#engines.dispose()
    this.#loop.stopTime()
  }

  async #admit(requestId: string, request: InferRequest, signal: AbortSignal): Promise<AnswerChannel<InferChunk>> {
    const definition = await this.#options.catalog.resolve(request.model)
    if (signal.aborted) throw cancelled()
    const tooLong = refuseSurelyTooLong(request, definition)
    if (tooLong) throw tooLong
    const leave = (): void => serving.leave()
    const serving = new Serving({
      requestId,
      definition,
      request,
      nowMs: () => this.#options.clock.nowMs(),
      onAnswering: (grantId) => this.#loop.dispatch({ type: 'requestAnswering', requestId, grantId }),
      onFinished: (grantId) => this.#finished(requestId, definition, grantId),
      isGranted: (grantId) => this.#loop.world.requests.get(requestId)?.grantId === grantId,
      onLeft: () => this.#loop.dispatch({ type: 'requestCancelled', requestId }),
      footprintBytes: () => footprintOf(this.#record(definition.id)),
      lossesTold: () => this.#engines.lossesTold(),
      onOver: (data) => {
        signal.removeEventListener('abort', leave)
        this.#servings.delete(requestId)
        this.#publish({ type: 'requestFinished', data })
      },
    })
    this.#servings.set(requestId, serving)
    signal.addEventListener('abort', leave, { once: true })
    const hash = requestHash(definition.id, request)
    this.#loop.dispatch({ type: 'requestArrived', requestId, definition, kind: 'infer', requestHash: hash })
    return serving.channel
  }

  /** Dispatches and waits for the `end` of this id. */
  #call(requestId: string, signal: AbortSignal, event: EventBody): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(cancelled())
      const leave = (): void => {
        this.#calls.delete(requestId)
        this.#loop.dispatch({ type: 'requestCancelled', requestId })
        reject(cancelled())
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#calls.set(requestId, (error) => {
        signal.removeEventListener('abort', leave)
        if (error) reject(fromErrorData(error))
        else resolve()
      })
      this.#loop.dispatch(event)
    })
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'load':
        return this.#engines.load(effect)
      case 'abortLoad':
        return this.#engines.abortLoad(effect.loadId)
      case 'unload':
        void this.#engines.unload(effect.modelId, this.#platformOf(effect.modelId))
        return
      case 'grant':
        return this.#serve(effect)
      case 'end':
        return this.#end(effect.requestId, effect.error)
      case 'record':
        this.#options.onDecision?.(effect.entry)
        return this.#publish({ type: 'decided', data: effect.entry })
      case 'publish':
        return this.#publish(effect.publication)
    }
  }

  #serve({ requestId, modelId, grantId }: Extract<Effect, { type: 'grant' }>): void {
    const serving = this.#servings.get(requestId)
    if (!serving) throw new Error(`the core granted ${requestId}, which nobody asks for`)
    const last = this.#lastLoads.get(modelId)
    void serving.serve(this.#engines.provider(this.#platformOf(modelId)), grantId, last?.atMs ?? 0, last?.loadMs ?? 0)
  }

  #end(requestId: string, error: ErrorData | undefined): void {
    if (error) this.#servings.get(requestId)?.refuse(error)
    const answer = this.#calls.get(requestId)
    this.#calls.delete(requestId)
    answer?.(error)
  }

  #finished(requestId: string, definition: ModelDefinition, grantId: number): void {
    this.#loop.dispatch({ type: 'requestFinished', requestId, grantId })
    const last = this.#lastLoads.get(definition.id)
    if (!last || last.isMeasuredInUse) return
    last.isMeasuredInUse = true
    void this.#measureInUse(definition)
  }

  /** Once after each load's first answer: only then are all of the engine's buffers really in use. */
  async #measureInUse(definition: ModelDefinition): Promise<void> {
    try {
      const footprint = await this.#engines.provider(definition.platform).measure(definition.id)
      if (!footprint) return
      this.#loop.dispatch({ type: 'footprintMeasured', modelId: definition.id, footprint })
      this.#options.onFootprint?.(definition, footprint)
    } catch (error) {
      this.#fault(error)
    }
  }

  #publish(publication: Publication): void {
    const atMs = this.#options.clock.nowMs()
    if (publication.type === 'modelLoaded') {
      const { modelId, loadMs } = publication.data
      this.#lastLoads.set(modelId, { atMs, loadMs, isMeasuredInUse: false })
    }
    this.#events.publish(publication, atMs)
    if (publication.type === 'modelLoaded' || publication.type === 'modelUnloaded') this.#publishMetrics()
  }

  #publishMetrics(): void {
    const { memory } = this.#loop.world
    this.#metricsAtMs = memory.atMs
    this.#events.publish({ type: 'metricsUpdated', data: { memory } }, this.#options.clock.nowMs())
  }

  #noteReading(memory: MemoryReading): void {
    this.#loop.dispatch({ type: 'memorySampled', memory })
    const { publishIntervalMs } = this.#loop.world.settings.sampling
    if (memory.atMs - this.#metricsAtMs >= publishIntervalMs) this.#publishMetrics()
  }

  /** The last reading stays in force; listeners learn that it is stale (requirement R39). */
  #meterFailed(error: unknown): void {
    const { message, reason } = toErrorData(error)
    const text = `The machine's memory could not be read; the last reading stays in force. ${message}`
    this.#publish({ type: 'error', data: { code: 'SYSTEM_ERROR', reason, message: text, recoverable: true } })
    this.#fault(error)
  }

  #fault(error: unknown): void {
    this.#options.onFault?.(error)
  }

  /** Resolves when nothing is served and nothing is in memory, or after `graceMs`. */
  #idle(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const isIdle = (): boolean => this.#servings.size === 0 && ![...this.#loop.world.models.values()].some(isInMemory)
      if (isIdle()) return resolve()
      const done = (): void => {
        timer.cancel()
        unsubscribe()
        resolve()
      }
      const timer = this.#options.clock.setTimer(graceMs, done)
      const unsubscribe = this.#events.subscribe(undefined, () => {
        if (isIdle()) done()
      })
    })
  }

  #platformOf(modelId: ModelId): Platform {
    return this.#record(modelId).definition.platform
  }

  #record(modelId: ModelId): ModelRecord {
    const model = this.#loop.world.models.get(modelId)
    if (!model) throw new Error(`${modelId} is not known to the core`)
    return model
  }
}
