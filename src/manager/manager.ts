import type { Effect, Publication } from '../core/effect.ts'
import { footprintBytes as footprintOf } from '../core/budget.ts'
import { heldFileBytes, holds, type ModelRecord, type World } from '../core/world.ts'
import type { EmbedReceipt, InferChunk, InferRequest, ManagerService } from '../spec/admin.ts'
import type { CacheReceipt } from '../spec/cache-service.ts'
import type { Embeddings } from '../spec/chat.ts'
import { resourceError, toErrorData, type ErrorData } from '../spec/errors.ts'
import type { GrymEvent } from '../spec/events.ts'
import type { MemoryReading } from '../spec/memory.ts'
import type { ModelWish } from '../spec/model-wish.ts'
import type { ModelId, ModelState, Platform } from '../spec/model.ts'
import type { Settings } from '../spec/settings.ts'
import type { FreeReceipt, LoadReceipt, ModelDescription, ModelListing, Status, UnloadReceipt } from '../spec/status.ts'
import { type AnswerChannel, PendingAnswer } from '../spec/answer-channel.ts'
import type { CountTokens, TokenCount } from '../spec/token-count.ts'
import { CoreLoop } from './core-loop.ts'
import { EngineRoom } from './engine-room.ts'
import { Ending } from './ending.ts'
import { embedOnce } from './embed-once.ts'
import { EventLog } from './event-log.ts'
import { FootprintWatch } from './footprint-watch.ts'
import { generateOrRelay } from './generate-or-relay.ts'
import { HandCalls } from './hand-calls.ts'
import { LoadNotes } from './load-notes.ts'
import type { ManagerOptions } from './manager-options.ts'
import { MemorySampler } from './memory-sampler.ts'
import { MetricsRhythm } from './metrics-rhythm.ts'
import { MoveToCache } from './move-to-cache.ts'
import { refuseEarly } from './refuse-early.ts'
import { requestHash } from './request-hash.ts'
import { cancelled, PendingCalls } from './pending-calls.ts'
import { withDefaults } from './request-defaults.ts'
import type { Ask } from './ask.ts'
import { Serving } from './serving.ts'
import { stateOwnerOf } from './state-owner.ts'
import { corruptCache, StateSaving } from './state-saving.ts'
import { describeModel, describeWorld, listedNow } from './status.ts'
import { TokenCounter } from './token-counter.ts'
import { TurnKeeper } from './turn-keeper.ts'
import { WishedModels } from './wished-models.ts'

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
  readonly #byHand: HandCalls
  readonly #ending: Ending
  readonly #servings = new Map<string, Serving>()
  readonly #calls = new PendingCalls()
  readonly #loads = new LoadNotes()
  readonly #footprints: FootprintWatch
  readonly #counter = new TokenCounter(
    (platform) => this.#engines.provider(platform),
    (error) => this.#fault(error),
  )
  readonly #turns: TurnKeeper
  readonly #wishes: WishedModels
  readonly #startedAtMs: number
  readonly #metrics: MetricsRhythm

  private constructor(options: ManagerOptions, memory: MemoryReading) {
    this.#options = options
    this.#startedAtMs = options.clock.nowMs()
    this.#turns = new TurnKeeper({
      conversations: options.conversations,
      nowMs: () => options.clock.nowMs(),
      onNotKept: (error) => this.#tellFault('A conversation could not be kept; it was answered all the same.', error),
    })
    this.#events = new EventLog((error) => this.#fault(error), options.lastEventId)
    this.#metrics = new MetricsRhythm((reading) => this.#publish({ type: 'metricsUpdated', data: { memory: reading } }))
    const { clock, meter, providers, settings } = options
    this.#loop = new CoreLoop({ clock, settings, memory, perform: (effect) => this.#perform(effect) })
    this.#wishes = new WishedModels(options.catalog, () => this.#loop.world)
    this.#sampler = new MemorySampler(
      {
        clock,
        meter,
        intervalMs: () => this.#loop.world.settings.sampling.intervalMs,
        heldFileBytes: () => heldFileBytes(this.#loop.world),
        onReading: (reading) => {
          this.#loop.dispatch({ type: 'memorySampled', memory: reading })
          this.#metrics.tellInTime(reading, this.#loop.world.settings.sampling.publishIntervalMs)
        },
        onError: (error) =>
          this.#tellFault("The machine's memory could not be read; the last reading stays in force.", error),
      },
      memory,
    )
    this.#footprints = new FootprintWatch({
      world: () => this.#loop.world,
      providerOf: (platform) => this.#engines.provider(platform),
      dispatch: (event) => this.#loop.dispatch(event),
      onFootprint: options.onFootprint,
      onFault: (error) => this.#fault(error),
    })
    const publish = (publication: Publication): void => this.#publish(publication)
    const onFault = (error: unknown): void => this.#fault(error)
    const world = (): Readonly<World> => this.#loop.world
    const cache = options.stateCache
    const saving = new StateSaving({ clock, cache, onFault, onCorrupt: (modelId) => publish(corruptCache(modelId)) })
    const { conversationsOf = async (): Promise<readonly string[]> => [] } = options
    const onMoved = (data: CacheReceipt): void => publish({ type: 'modelCached', data })
    const moves = new MoveToCache({ cache, saving, world, conversationsOf, onMoved, onFault })
    this.#byHand = new HandCalls({
      ...{
        catalog: options.catalog,
        wishes: this.#wishes,
        calls: this.#calls,
        loads: this.#loads,
        moves,
        world,
        publish,
      },
      dispatch: (event) => this.#loop.dispatch(event),
      describe: (modelId) => describeModel(world(), this.#record(modelId), this.#loads.get(modelId)),
      newRequestId: () => options.newRequestId(),
      nowMs: () => clock.nowMs(),
    })
    this.#engines = new EngineRoom({
      ...{ providers, saving, moves },
      readMemory: (addedFileBytes) => this.#sampler.read(addedFileBytes),
      dispatch: (event) => this.#loop.dispatch(event),
    })
    this.#ending = new Ending({
      ...{ clock, world, onFault, events: this.#events, engines: this.#engines },
      begin: () => this.#loop.dispatch({ type: 'shutdownRequested' }),
      isServing: () => this.#servings.size > 0,
      refuseAll: () => this.#refuseAll(),
      stopTime: () => {
        this.#sampler.stop()
        this.#loop.stopTime()
      },
    })
  }

  /** Takes the first reading of the machine; rejects when it cannot be read. */
  static async start(options: ManagerOptions): Promise<Manager> {
    return new Manager(options, await options.meter.read(0))
  }

  infer(request: InferRequest, signal: AbortSignal): AsyncIterable<InferChunk> {
    return new PendingAnswer(this.#inferWith(this.#options.newRequestId(), request, signal))
  }

  async embed(
    model: string | undefined,
    inputs: readonly string[],
    signal: AbortSignal,
    wish?: ModelWish,
  ): Promise<EmbedReceipt> {
    const requestId = this.#options.newRequestId()
    const arrival = await this.#wishes.resolve(model, wish)
    const { definition } = arrival
    const embedded: Embeddings[] = []
    const channel = this.#admit(requestId, signal, {
      arrival,
      isStreamed: false,
      requestHash: requestId,
      work: (provider, stop) => embedOnce(provider.embed(definition.id, inputs, stop), embedded),
      onAnswered: async () => {},
    })
    for await (const chunk of channel) if (chunk.type === 'end') break
    const [embeddings] = embedded.slice(-1)
    if (!embeddings) throw resourceError('engine-error', 'The engine gave no vectors. Send the request again.')
    return { modelId: definition.id, ...embeddings }
  }

  async countTokens(...[model, messages, signal, options]: Parameters<CountTokens>): Promise<TokenCount> {
    const definition = await this.#options.catalog.resolve(model)
    return this.#counter.count(definition, { messages, ...options }, signal)
  }

  about(model: string | undefined): Promise<ModelDescription> {
    return this.#options.catalog.about(model)
  }

  async identify(model: string | undefined): Promise<ModelId> {
    return (await this.#options.catalog.resolve(model)).id
  }

  load(...call: Parameters<ManagerService['load']>): Promise<LoadReceipt> {
    return this.#byHand.load(...call)
  }

  unload(...call: Parameters<ManagerService['unload']>): Promise<UnloadReceipt> {
    return this.#byHand.unload(...call)
  }

  moveToCache(...call: Parameters<ManagerService['moveToCache']>): Promise<CacheReceipt> {
    return this.#byHand.moveToCache(...call)
  }

  freeAll(signal: AbortSignal): Promise<FreeReceipt> {
    return this.#byHand.freeAll(signal)
  }

  allocate(...call: Parameters<ManagerService['allocate']>): Promise<void> {
    return this.#byHand.allocate(...call)
  }

  pin(model: string | undefined, pinned: boolean): Promise<void> {
    return this.#byHand.pin(model, pinned)
  }

  status(): Status {
    const uptimeMs = this.#options.clock.nowMs() - this.#startedAtMs
    return {
      ...this.#options.identity,
      uptimeMs,
      ...describeWorld(this.#loop.world, this.#sampler.peakUsedBytes, (modelId) => this.#loads.get(modelId)),
      engineCounters: this.#wishes.counters(this.#engines.counters()),
      kvcache: this.#options.stateCache?.report() ?? null,
      lastRestore: this.#loads.lastRestore,
      lastEventId: this.#events.lastId,
    }
  }

  async models(): Promise<readonly (ModelListing & { readonly state: ModelState })[]> {
    return (await this.#options.catalog.list()).map((listing) => listedNow(this.#loop.world, listing))
  }

  subscribe(afterEventId: number | undefined, listener: (event: GrymEvent) => void): () => void {
    return this.#events.subscribe(afterEventId, listener)
  }

  /** Takes new settings for everything decided from now on. */
  configure(settings: Settings): void {
    this.#loop.dispatch({ type: 'settingsChanged', settings })
  }

  /** See {@link Ending.close}. */
  close(graceMs: number): Promise<void> {
    return this.#ending.close(graceMs)
  }

  /** See {@link Ending.destroy}. */
  destroy(): Promise<void> {
    return this.#ending.destroy()
  }

  #refuseAll(): void {
    const error = resourceError('shutting-down', 'grym stopped before the answer was complete. Send it again.')
    for (const serving of this.#servings.values()) serving.refuse(toErrorData(error))
  }

  async #inferWith(requestId: string, asked: InferRequest, signal: AbortSignal): Promise<AnswerChannel<InferChunk>> {
    const { wish, ...said } = asked
    const arrival = await this.#wishes.resolve(asked.model, wish)
    const { definition, larger } = arrival
    if (signal.aborted) throw cancelled()
    const request = withDefaults(said, definition.defaults)
    const wanted = larger?.definition ?? definition
    const refusal =
      refuseEarly(request, wanted) ??
      // A model in memory counts by itself when it gets the prompt.
      (holds(this.#loop.world, definition.id) ? undefined : await this.#counter.refusal(wanted, request, signal))
    if (refusal) throw refusal
    const turn = await this.#turns.begin(asked, definition.id)
    if (signal.aborted) throw cancelled()
    return this.#admit(requestId, signal, {
      arrival,
      isStreamed: request.isStreamed,
      requestHash: requestHash(definition.id, request),
      conversationId: turn?.conversationId,
      work: generateOrRelay({ ...request, ...stateOwnerOf(asked, turn) }, definition),
      onAnswered: async (answer, outcome) => turn?.finish(answer, outcome),
      onUsage: (promptTokens) => this.#counter.note(definition, request, promptTokens),
    })
  }

  /** Asks the core for a lease; what is done with it is the work. */
  #admit(requestId: string, signal: AbortSignal, ask: Ask): AnswerChannel<InferChunk> {
    const { arrival, isStreamed, work, conversationId, onAnswered, onUsage } = ask
    const { definition } = arrival
    const leave = (): void => serving.leave()
    const serving = new Serving({
      requestId,
      definition,
      isStreamed,
      work,
      conversationId,
      onAnswered,
      nowMs: () => this.#options.clock.nowMs(),
      onAnswering: (grantId) => this.#loop.dispatch({ type: 'requestAnswering', requestId, grantId }),
      onFinished: (grantId) => this.#finished(requestId, definition.id, grantId),
      isGranted: (grantId) => this.#loop.world.requests.get(requestId)?.grantId === grantId,
      onLeft: () => this.#loop.dispatch({ type: 'requestCancelled', requestId }),
      footprintBytes: () => footprintOf(this.#record(definition.id)),
      lossesTold: () => this.#engines.lossesTold(),
      onOver: (data) => {
        signal.removeEventListener('abort', leave)
        this.#servings.delete(requestId)
        if (data.outcome === 'ok') {
          onUsage?.(data.promptTokens)
          this.#loads.noteRestore(data)
          if (onUsage) this.#loads.noteAnswer(definition.id, data.promptTokens + data.generatedTokens)
        }
        this.#publish({ type: 'requestFinished', data })
      },
    })
    this.#servings.set(requestId, serving)
    signal.addEventListener('abort', leave, { once: true })
    const { requestHash: hash } = ask
    this.#loop.dispatch({ type: 'requestArrived', requestId, ...arrival, kind: 'infer', requestHash: hash })
    return serving.channel
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'load':
        return this.#engines.load(effect)
      case 'abortLoad':
        return this.#engines.abortLoad(effect.loadId)
      case 'unload':
        void this.#engines.unload(effect, this.#record(effect.modelId).definition)
        return
      case 'dropSpare':
        return this.#engines.dropSpare()
      case 'grant':
        return this.#serve(effect)
      case 'end':
        return this.#end(effect.requestId, effect.error)
      case 'record':
        this.#options.onDecision?.(effect.entry)
        this.#wishes.noteDecision(effect.entry)
        return this.#publish({ type: 'decided', data: effect.entry })
      case 'publish':
        return this.#publish(effect.publication)
    }
  }

  #serve({ requestId, modelId, grantId }: Extract<Effect, { type: 'grant' }>): void {
    const serving = this.#servings.get(requestId)
    if (!serving) throw new Error(`the core granted ${requestId}, which nobody asks for`)
    const last = this.#loads.get(modelId)
    void serving.serve(this.#engines.provider(this.#platformOf(modelId)), grantId, last?.atMs ?? 0, last?.loadMs ?? 0)
  }

  #end(requestId: string, error: ErrorData | undefined): void {
    if (error) this.#servings.get(requestId)?.refuse(error)
    this.#calls.end(requestId, error)
  }

  #finished(requestId: string, modelId: ModelId, grantId: number): void {
    const { definition } = this.#record(modelId)
    this.#loop.dispatch({ type: 'requestFinished', requestId, grantId })
    if (this.#loads.takeFirstUse(modelId)) void this.#footprints.measureInUse(definition)
  }

  #publish(publication: Publication): void {
    const atMs = this.#options.clock.nowMs()
    if (publication.type === 'modelLoaded') {
      const { modelId, loadMs } = publication.data
      this.#loads.noteLoad(modelId, atMs, loadMs)
    }
    this.#events.publish(publication, atMs)
    const isChange = publication.type === 'modelLoaded' || publication.type === 'modelUnloaded'
    if (isChange) this.#metrics.tell(this.#loop.world.memory)
    if (publication.type === 'modelUnloaded') this.#footprints.modelLeft(publication.data.modelId)
  }

  /** A fault that hurts no request: listeners learn what it means for them (requirement R39). */
  #tellFault(what: string, error: unknown): void {
    const { message, reason } = toErrorData(error)
    const data = { code: 'SYSTEM_ERROR', reason, message: `${what} ${message}`, recoverable: true } as const
    this.#publish({ type: 'error', data })
    this.#fault(error)
  }

  #fault(error: unknown): void {
    this.#options.onFault?.(error)
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
