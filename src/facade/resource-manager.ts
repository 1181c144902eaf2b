import { isAbsolute } from 'node:path'
import type { Library, LibraryMode } from '../app/library.ts'
import type { ErrorReason } from '../spec/error-reason.ts'
import { type ResourceError, resourceError, toErrorData } from '../spec/errors.ts'
import type { GrymEvent } from '../spec/events.ts'
import type { ResourceManagerConfig } from '../spec/guide-config.ts'
import type { GrymServices } from '../spec/services.ts'
import type { Status } from '../spec/status.ts'
import type { TokenCount } from '../spec/token-count.ts'
import { type CacheOptions, cacheWish } from './cache-options.ts'
import { checkedMessages, inferRequest } from './chat-request.ts'
import type { ChatChunk, ChatRequest, CountRequest, EmbedRequest, EmbedResult, MemoryRequest } from './chat-types.ts'
import { Connection } from './connection.ts'
import { type ContextState, contextState } from './context-state.ts'
import {
  type CacheResult,
  guideCached,
  guideEvent,
  isGuideEvent,
  type ResourceManagerEvent,
  type ResourceManagerListener,
  type ResourceManagerNameListener,
} from './guide-events.ts'
import { bytesOf, guideMetrics, type ResourceMetrics } from './guide-metrics.ts'
import { ModelNames } from './model-names.ts'

/** The guide's configuration, and where grym is to run. */
export interface ResourceManagerOptions extends ResourceManagerConfig {
  /** State folder; wins over `GRYM_HOME`. */
  readonly home?: string
  /**
   * `auto` (default): the running daemon of the state folder, else this process; `connect`: only a running one;
   * `embedded`: only this process.
   */
  readonly mode?: LibraryMode
}

/** What `allocateMemory` answers with false: there is no room. Everything else that goes wrong is an error. */
const NO_ROOM: ReadonlySet<ErrorReason> = new Set([
  'memory-limit-exceeded',
  'model-too-large',
  'model-limit-reached',
  'queue-timeout',
  'queue-full',
])

/**
 * The guide's resource manager. Nothing is read, opened or started before the first call; units are the guide's (MB,
 * ms, Date). Every rejection is a `ResourceError`.
 */
export class ResourceManager {
  readonly #connection: Connection
  readonly #listeners = new Set<ResourceManagerListener>()
  readonly #names = new ModelNames()
  /** Aborts what is under way when this is destroyed. */
  readonly #stop = new AbortController()
  /** Events from another process need a look at it each; they are told in their order. */
  #telling: Promise<void> = Promise.resolve()

  /** Throws `config-invalid` that names every wrong key. */
  constructor(options: ResourceManagerOptions = {}) {
    const { home, mode = 'auto', ...config } = checkedOptions(options)
    this.#connection = new Connection({
      home,
      mode,
      onEvent: (event, services) => this.#noteEvent(event, services),
      onRefused: (error) => this.#tellError(error),
    })
    if (Object.keys(config).length > 0) this.#connection.configure(config)
  }

  /**
   * Changes any part of the configuration, at once and whole. Throws `config-invalid` that names every wrong key, its
   * value and what is allowed; then the old configuration stays in force.
   */
  configure(config: ResourceManagerConfig): void {
    this.#connection.configure(config)
  }

  /** Called with the event's name and what it is about; a listener that throws hurts nobody else. */
  addEventListener(listener: ResourceManagerListener): void
  addEventListener(listener: ResourceManagerNameListener): void
  addEventListener(listener: ResourceManagerListener | ResourceManagerNameListener): void {
    if (typeof listener !== 'function') {
      throw resourceError('invalid-request', `addEventListener: ${String(listener)} is not allowed: a function.`)
    }
    this.#listeners.add(listener as ResourceManagerListener)
    this.#connection.listen()
  }

  removeEventListener(listener: ResourceManagerListener | ResourceManagerNameListener): void {
    this.#listeners.delete(listener as ResourceManagerListener)
  }

  /** Brings a model into memory: by name, or by the path of a GGUF file where models are run in this process. */
  async loadModel(modelId: string): Promise<true> {
    await this.#onModel(modelId, ({ manager }, name, signal) => manager.load(name, signal))
    return true
  }

  /** Gives a model back, after its active requests. Resolves to false when it was not in memory. */
  async unloadModel(modelId: string): Promise<boolean> {
    const receipt = await this.#onModel(modelId, ({ manager }, name, signal) => manager.unload(name, signal))
    return receipt.wasLoaded
  }

  /**
   * Saves what the model's conversations are to it and gives its memory back, after its active requests; its next load brings
   * that back. Rejects, and keeps the model in memory, where nothing can be kept.
   */
  async moveToCache(modelId: string, options: CacheOptions = {}): Promise<CacheResult> {
    const wish = cacheWish(options)
    const receipt = await this.#onModel(modelId, ({ manager }, name, signal) => manager.moveToCache(name, wish, signal))
    return guideCached(receipt, this.#names.of(receipt.modelId))
  }

  /** Gives every model back, after its active requests, and ends every promise of memory. */
  async freeResources(): Promise<{ readonly unloadedModels: readonly string[] }> {
    const signal = this.#stop.signal
    const { unloadedModels } = await this.#connection.call(({ services }) => services.manager.freeAll(signal))
    return { unloadedModels: unloadedModels.map((modelId) => this.#names.of(modelId)) }
  }

  /**
   * Promises memory to a model, evicting idle ones where it must: as much as is preferred where that is free, at least
   * what is required (MB). Resolves to false when there is no room.
   */
  async allocateMemory(request: MemoryRequest): Promise<boolean> {
    const { modelId, required, preferred } = checkedObject('allocateMemory', request)
    const requiredBytes = bytesOf(checkedSize('required', required))
    const preferredBytes = Math.max(requiredBytes, bytesOf(checkedSize('preferred', preferred)))
    try {
      const size = { requiredBytes, preferredBytes }
      await this.#onModel(modelId, ({ manager }, name, signal) => manager.allocate(name, size, signal))
      return true
    } catch (error) {
      if (NO_ROOM.has(toErrorData(error).reason)) return false
      throw error
    }
  }

  async getResourceMetrics(): Promise<ResourceMetrics> {
    const status = await this.#connection.call(async ({ services }) => services.manager.status())
    return this.#metrics(status)
  }

  /** Answers as the model writes: text, and one `end` last. Leaving the loop early frees the model at once. */
  async *chat(request: ChatRequest): AsyncGenerator<ChatChunk, void, undefined> {
    const asked = inferRequest(request)
    const signal = this.#signal(request.signal)
    const opened = await this.#connection.call(async (library) => {
      const wish = library.keeps() ? asked : { ...asked, conversation: undefined }
      const chunks = library.services.manager.infer(wish, signal)[Symbol.asyncIterator]()
      return { chunks, first: await chunks.next() }
    })
    const { chunks } = opened
    try {
      for (let next = opened.first; !next.done; next = await chunks.next()) {
        if (next.value.type === 'text' || next.value.type === 'reasoning') yield next.value
        if (next.value.type === 'toolCall') yield { type: 'toolCall', ...next.value.call }
        if (next.value.type !== 'end') continue
        const { finishReason, usage, receipt, restored } = next.value
        const gain = restored && { restored }
        const { modelId, conversationId, queueWaitMs, loadMs } = receipt
        const kept = conversationId === undefined ? {} : { conversationId }
        yield { type: 'end', finishReason, usage, model: modelId, ...kept, queueWaitMs, loadMs, ...gain }
      }
    } finally {
      await chunks.return?.()
    }
  }

  async embed(request: EmbedRequest): Promise<EmbedResult> {
    const { model, input, signal } = checkedObject('embed', request)
    const inputs: readonly unknown[] = Array.isArray(input) ? input : [input]
    if (inputs.some((text) => typeof text !== 'string' || text === '') || inputs.length === 0) {
      throw resourceError('invalid-request', 'input: must be a text that is not empty, or several of them.')
    }
    const { modelId, vectors, promptTokens } = await this.#connection.call(({ services }) =>
      services.manager.embed(model, inputs as readonly string[], this.#signal(signal)),
    )
    return { model: modelId, embeddings: vectors, promptTokens }
  }

  /** Tokens of the messages as a prompt, and whether that is exact. Needs no weights in memory. */
  async countTokens(request: CountRequest): Promise<TokenCount> {
    const { model, messages, signal } = checkedObject('countTokens', request)
    const checked = checkedMessages(messages)
    return this.#connection.call(({ services }) => services.manager.countTokens(model, checked, this.#signal(signal)))
  }

  /** Opens a context that you fill by hand; one that an earlier process kept is taken up with its messages. */
  async initializeContext(
    modelId: string,
    limits: { readonly maxTokens: number; readonly contextWindow: number; readonly responseTokens?: number },
  ): Promise<ContextState> {
    return contextState(await this.#connection.call(({ services }) => services.contexts.initialize(modelId, limits)))
  }

  /** `undefined` when there is none. */
  async getContext(modelId: string): Promise<ContextState | undefined> {
    const found = await this.#connection.call(({ services }) => services.contexts.get(modelId))
    return found && contextState(found)
  }

  async addMessage(
    modelId: string,
    message: { readonly role: string; readonly content: string; readonly timestamp?: number | Date },
  ): Promise<ContextState> {
    return contextState(await this.#connection.call(({ services }) => services.contexts.addMessage(modelId, message)))
  }

  /** The context and what was kept of it are gone. */
  async removeContext(modelId: string): Promise<void> {
    await this.#connection.call(({ services }) => services.contexts.remove(modelId))
  }

  /** At once: engines end, timers stop, nothing keeps the process alive. What is under way gets no answer. */
  destroy(): void {
    this.#stop.abort()
    this.#listeners.clear()
    this.#connection.destroy()
  }

  /** Calls about a model: what it is called is remembered first, so that events name it as the caller does. */
  async #onModel<Result>(
    modelId: string,
    work: (services: GrymServices, name: string, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    if (typeof modelId !== 'string' || modelId.trim() === '') {
      throw resourceError('invalid-model-id', 'A model id is a text that is not empty, such as deepseek-r1:14b.')
    }
    return this.#connection.call(async (library) => {
      const { services } = library
      const name = await nameOf(library, modelId)
      this.#names.note(modelId, await services.manager.identify(name))
      return work(services, name, this.#stop.signal)
    })
  }

  #metrics(status: Status): ResourceMetrics {
    return guideMetrics(status, (modelId) => this.#names.allOf(modelId))
  }

  #signal(own: AbortSignal | undefined): AbortSignal {
    return own ? AbortSignal.any([own, this.#stop.signal]) : this.#stop.signal
  }

  #noteEvent(event: GrymEvent, { manager }: GrymServices): void | Promise<void> {
    // What is not told itself is not heard before what is still being told.
    if (this.#listeners.size === 0 || !isGuideEvent(event)) return this.#telling
    const status = manager.status()
    if (!(status instanceof Promise)) return this.#tellEvent(event, status)
    this.#telling = Promise.all([this.#telling, status]).then(
      ([, known]) => this.#tellEvent(event, known),
      // The process that serves is gone; whoever calls next learns it.
      () => undefined,
    )
    return this.#telling
  }

  #tellEvent(event: GrymEvent, status: Status): void {
    const told = guideEvent(event, this.#metrics(status), (modelId) => this.#names.of(modelId))
    if (told) this.#tell(told)
  }

  #tellError(error: ResourceError): void {
    const { code, reason, isRetryable } = error
    this.#tell(['error', { type: 'error', error, code, reason, recoverable: isRetryable, context: { reason } }])
  }

  #tell(event: ResourceManagerEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(...event)
      } catch (error) {
        // The program is told, and goes on: a faulty look at metrics is no reason to end a server.
        const detail = error instanceof Error ? error.stack : undefined
        process.emitWarning(`a listener threw: ${String(error)}`, {
          type: 'GrymListenerWarning',
          ...(detail && { detail }),
        })
      }
    }
  }
}

/** The name to ask for; a file that is named by its path gets one. */
async function nameOf(library: Library, modelId: string): Promise<string> {
  return isAbsolute(modelId) || /^\.{1,2}[/\\]/.test(modelId) ? library.addFile(modelId) : modelId
}

function checkedOptions(options: ResourceManagerOptions): ResourceManagerOptions {
  if (typeof options !== 'object' || options === null) {
    throw resourceError('config-invalid', `configuration: ${String(options)} is not allowed: an object.`)
  }
  const { home, mode } = options
  if (home !== undefined && (typeof home !== 'string' || home === '')) {
    throw resourceError('config-invalid', 'home: must be the path of a folder.')
  }
  if (mode !== undefined && !['auto', 'connect', 'embedded'].includes(mode)) {
    throw resourceError('config-invalid', `mode: '${mode}' is not allowed: auto, connect or embedded.`)
  }
  return options
}

/** The one argument of a call that takes an object. */
function checkedObject<Value extends object>(call: string, value: Value): Value {
  if (typeof value === 'object' && value !== null) return value
  throw resourceError('invalid-request', `${call}: ${String(value)} is not allowed: an object.`)
}

function checkedSize(name: string, mb: number): number {
  if (typeof mb === 'number' && Number.isFinite(mb) && mb >= 0) return mb
  throw resourceError('invalid-request', `${name}: ${String(mb)} is not allowed: megabytes, 0 or more.`)
}
