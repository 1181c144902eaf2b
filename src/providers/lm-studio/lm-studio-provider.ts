import { AnswerChannel } from '../../spec/answer-channel.ts'
import type { ChatMessage, Embeddings, GenerateChunk, GenerateRequest } from '../../spec/chat.ts'
import type { Clock, Timer } from '../../spec/clock.ts'
import { ResourceError, resourceError } from '../../spec/errors.ts'
import type { EngineKey, Footprint, ModelDefinition, ModelId, Platform } from '../../spec/model.ts'
import type { EngineLoss, EngineLossCause, LoadResult, Provider } from '../../spec/provider.ts'
import { givenUp, orGivenUp } from '../giving-up.ts'
import { isSilence, isTaken, lmStudioFailure } from './failure.ts'
import { closeInstance, findInstance, type OpenInstance, openInstance } from './open-instance.ts'
import { mayOverflow } from './prompt-bytes.ts'
import type { LmStudioServer } from './server.ts'

/** Lists in a row that may go unanswered: an engine that reads a long prompt on all cores is slow with everything. */
const MAX_SILENT_LISTS = 3

/** How long the end waits for LM Studio. */
const DISPOSE_DEADLINE_MS = 10_000

export interface LmStudioProviderOptions {
  readonly server: LmStudioServer
  readonly clock: Clock
  /** How often the list is looked at while a model is loaded: one that left it is told as lost. */
  readonly watchIntervalMs: () => number
  /** Idle timeout now of models that have none of their own, ms; `null` = no timer. */
  readonly idleTimeoutMs: () => number | null
}

/** An instance in use, and the models of grym that use it. */
interface Held {
  readonly engineKey: EngineKey
  readonly instance: OpenInstance
  readonly users: Map<ModelId, User>
  isLeaving: boolean
}

interface User {
  readonly definition: ModelDefinition
  readonly result: LoadResult
}

/**
 * Runs models in LM Studio. Built to the documented protocol, not yet verified on the application.
 *
 * - What a person has loaded is used as it is, its window included, and stays theirs: `unload` leaves it in LM Studio and
 *   forgets it, so its memory comes back when they eject it. Only what grym loaded is unloaded. After a restart of grym
 *   that is a person's, too, since LM Studio does not tell who loaded what.
 * - LM Studio before 0.4 unloads nothing on request. It is told at the load after which idle time to unload by itself, the
 *   model's timer in grym; `unload` forgets the model, and its memory comes back then.
 * - Footprints are estimates: LM Studio tells nothing of an instance's memory.
 * - Every request is preceded by a look at the list (on loopback and against the fake 0.5 ms, with 100 models 1.5 ms): a name that is not in memory is answered
 *   by another model or loaded behind grym's back.
 * - Texts to embed are cut to the window in silence where they are longer; only what is too long whatever its tokens are
 *   is refused.
 */
export class LmStudioProvider implements Provider {
  readonly platform: Platform = 'lmstudio'
  readonly #options: LmStudioProviderOptions
  readonly #server: LmStudioServer
  readonly #held = new Map<EngineKey, Held>()
  /** The last load or unload of each engine key: one at a time, or two first requests would load it twice. */
  readonly #turns = new Map<EngineKey, Promise<unknown>>()
  readonly #listeners: ((loss: EngineLoss) => void)[] = []
  #silentLists = 0
  #timer: Timer | undefined
  #isDisposed = false

  constructor(options: LmStudioProviderOptions) {
    this.#options = options
    this.#server = options.server
  }

  async load(definition: ModelDefinition, signal: AbortSignal): Promise<LoadResult> {
    return this.#inTurn(definition.engineKey, () => this.#open(definition, signal))
  }

  async unload(modelId: ModelId): Promise<void> {
    const held = this.#holderOf(modelId)
    if (held) await this.#inTurn(held.engineKey, () => this.#leave(held, modelId))
  }

  generate(modelId: ModelId, request: GenerateRequest, signal: AbortSignal): AsyncIterable<GenerateChunk> {
    const leaving = new AbortController()
    const channel = new AnswerChannel<GenerateChunk>(() => leaving.abort())
    const abort = (): void => {
      channel.fail(givenUp())
      leaving.abort()
    }
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    void this.#answer(modelId, request, channel, leaving.signal).finally(() =>
      signal.removeEventListener('abort', abort),
    )
    return channel
  }

  countTokens(_definition: ModelDefinition, _messages: readonly ChatMessage[], _signal: AbortSignal): Promise<number> {
    return Promise.reject(resourceError('counting-unsupported', 'LM Studio does not count tokens over HTTP.'))
  }

  async embed(modelId: ModelId, inputs: readonly string[], signal: AbortSignal): Promise<Embeddings> {
    const held = await this.#confirmed(modelId, signal)
    const mostBytes = held.users.get(modelId)?.definition.maxPromptBytes ?? Infinity
    if (inputs.some((input) => Buffer.byteLength(input) > mostBytes)) {
      const message = `A text has more than the ${mostBytes} bytes that the window of '${held.instance.key}' can hold. Send it in parts.`
      throw resourceError('context-too-long', message)
    }
    try {
      return await orGivenUp(this.#server.upstream.embed(held.instance.id, inputs, signal), signal)
    } catch (error) {
      throw await this.#explained(held, error)
    }
  }

  /** Of a model whose instance another one was counted with so far; nothing new is to be had of the others. */
  measure(modelId: ModelId): Promise<Footprint | undefined> {
    const held = this.#holderOf(modelId)
    const [first] = held?.users.keys() ?? []
    const user = held?.users.get(modelId)
    const isHeir = first === modelId && user?.result.footprint.bytes === 0
    return Promise.resolve(isHeir ? wholeFootprint(user.definition) : undefined)
  }

  onEngineLost(listener: (loss: EngineLoss) => void): void {
    this.#listeners.push(listener)
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true
    this.#timer?.cancel()
    const held = [...this.#held.values()]
    this.#held.clear()
    const { clock } = this.#options
    const own = held.filter(({ instance }) => this.#server.ownInstances.has(instance.id))
    // What cannot be unloaded stays in LM Studio, where a person sees it; there is nobody left here to tell.
    const ended = Promise.allSettled([
      ...this.#turns.values(),
      ...own.map(({ instance }) => closeInstance(this.#server, clock, instance)),
    ])
    await Promise.race([ended, new Promise<void>((resolve) => void clock.setTimer(DISPOSE_DEADLINE_MS, resolve))])
    await this.#server.close()
  }

  async #open(definition: ModelDefinition, signal: AbortSignal): Promise<LoadResult> {
    const { id, engineKey, contextTokens } = definition
    const known = this.#held.get(engineKey)
    const loaded = known?.users.get(id)
    if (loaded) return loaded.result
    if (this.#isDisposed || signal.aborted) throw givenUp()
    const { clock } = this.#options
    const startedAtMs = clock.nowMs()
    const wish = {
      name: definition.engineName ?? id.slice(id.indexOf(':') + 1),
      contextTokens,
      onlyEmbeds: definition.onlyEmbeds ?? false,
      ttlMs: this.#ttlMs(definition),
    }
    const instance = known?.instance ?? (await openInstance(this.#server, clock, wish, signal))
    if (this.#isDisposed) {
      if (this.#server.ownInstances.has(instance.id)) await closeInstance(this.#server, clock, instance)
      throw givenUp()
    }
    const result: LoadResult = {
      loadMs: clock.nowMs() - startedAtMs,
      // Several names of one model are answered by one instance: a further one adds nothing.
      footprint: known ? { bytes: 0, source: 'estimated' } : wholeFootprint(definition),
      contextTokens: instance.contextTokens ?? contextTokens,
      heldFileBytes: 0,
    }
    const held = known ?? { engineKey, instance, users: new Map<ModelId, User>(), isLeaving: false }
    held.users.set(id, { definition, result })
    this.#held.set(engineKey, held)
    this.#watch()
    return result
  }

  /** LM Studio's own timer stays where grym has none. */
  #ttlMs({ pinned, idleTimeoutMs }: ModelDefinition): number | null {
    if (pinned) return null
    return idleTimeoutMs === 'default' ? this.#options.idleTimeoutMs() : idleTimeoutMs
  }

  async #leave(held: Held, modelId: ModelId): Promise<void> {
    if (!held.users.has(modelId)) return
    const isOwn = this.#server.ownInstances.has(held.instance.id)
    if (held.users.size === 1 && isOwn) {
      held.isLeaving = true
      try {
        await closeInstance(this.#server, this.#options.clock, held.instance)
      } finally {
        held.isLeaving = false
      }
    }
    held.users.delete(modelId)
    if (held.users.size === 0) this.#forget(held)
  }

  async #answer(
    modelId: ModelId,
    request: GenerateRequest,
    channel: AnswerChannel<GenerateChunk>,
    signal: AbortSignal,
  ): Promise<void> {
    let held: Held | undefined
    let hasBegun = false
    try {
      if (signal.aborted) return
      if (request.topLogprobs !== undefined) throw noLogprobs()
      held = await this.#confirmed(modelId, signal)
      for await (const chunk of this.#server.upstream.chat(held.instance.id, request, signal)) {
        hasBegun = true
        channel.push(chunk)
      }
      channel.end()
    } catch (error) {
      const explained = held && !channel.isOver ? await this.#explained(held, error) : error
      // An empty stream is all that some versions say of a prompt that is too long.
      const isEmpty = !hasBegun && explained instanceof ResourceError && explained.reason === 'engine-lost'
      const isStillThere = held !== undefined && this.#held.get(held.engineKey) === held
      const isTooLong = isEmpty && isStillThere && mayOverflow(request, held?.instance.contextTokens ?? null)
      channel.fail(isTooLong ? nothingSaid(held) : asError(explained))
    }
  }

  /** The instance that serves this model, seen in LM Studio's list just now. Rejects with `engine-lost` when it is gone, after that was told. */
  async #confirmed(modelId: ModelId, signal: AbortSignal): Promise<Held> {
    const held = this.#holderOf(modelId)
    if (!held) throw notInMemory(modelId)
    await orGivenUp(this.#look('taken'), signal)
    if (this.#held.get(held.engineKey) !== held) throw notInMemory(modelId)
    return held
  }

  /**
   * What a failed request means. Where it broke off, or another model answered, the list tells whether the instance is still there;
   * when not, that is told to everyone before this request fails for it.
   */
  async #explained(held: Held, error: unknown): Promise<unknown> {
    if (!(error instanceof ResourceError)) return error
    const failure = lmStudioFailure(error, 'answer', held.instance.key)
    if (!MAY_BE_GONE.has(failure.reason)) return failure
    await this.#look(isTaken(error) ? 'taken' : 'crashed')
    return this.#held.get(held.engineKey) === held ? failure : notInMemory(held.instance.id)
  }

  /**
   * Compares what is held with LM Studio's list, and tells of what is gone. What came to be held while the list was on its
   * way may be younger than the list, and is not judged by it.
   * @param cause of an instance that left the list.
   */
  async #look(cause: EngineLossCause): Promise<void> {
    const judged = [...this.#held.values()]
    try {
      const models = await this.#server.list()
      this.#silentLists = 0
      for (const held of judged) {
        if (held.isLeaving || findInstance(models, held.instance.id)) continue
        this.#lose(held, cause, `LM Studio does not list '${held.instance.id}' as loaded any more`)
      }
    } catch (error) {
      if (!(error instanceof ResourceError)) throw error
      if (error.reason !== 'engine-unreachable') return
      const isSilent = isSilence(error)
      if (isSilent && ++this.#silentLists < MAX_SILENT_LISTS) return
      for (const held of judged) this.#lose(held, isSilent ? 'stuck' : 'crashed', error.message)
    }
  }

  #lose(held: Held, cause: EngineLossCause, detail: string): void {
    if (!this.#forget(held)) return
    this.#server.ownInstances.delete(held.instance.id)
    for (const listener of this.#listeners) listener({ engineKey: held.engineKey, cause, detail })
  }

  /** False where it was not held any more: it left meanwhile, or that was told already. */
  #forget(held: Held): boolean {
    return this.#held.get(held.engineKey) === held && this.#held.delete(held.engineKey)
  }

  /** Looks at the list again and again, as long as anything is held. */
  #watch(): void {
    if (this.#timer || this.#isDisposed) return
    const { clock, watchIntervalMs } = this.#options
    this.#timer = clock.setTimer(watchIntervalMs(), () => {
      void this.#look('taken').finally(() => {
        this.#timer = undefined
        if (this.#held.size > 0) this.#watch()
      })
    })
  }

  #holderOf(modelId: ModelId): Held | undefined {
    return [...this.#held.values()].find(({ users }) => users.has(modelId))
  }

  async #inTurn<Result>(engineKey: EngineKey, work: () => Promise<Result>): Promise<Result> {
    const turn = (this.#turns.get(engineKey) ?? Promise.resolve()).then(work, work)
    this.#turns.set(engineKey, turn)
    try {
      return await turn
    } finally {
      if (this.#turns.get(engineKey) === turn) this.#turns.delete(engineKey)
    }
  }
}

const MAY_BE_GONE: ReadonlySet<string> = new Set([
  'engine-lost',
  'engine-unreachable',
  'engine-refused',
  'model-file-missing',
  'model-not-found',
  'wrong-model',
])

function wholeFootprint({ estimate }: ModelDefinition): Footprint {
  const { weightsBytes, contextBytes, processBytes } = estimate
  return { bytes: weightsBytes + contextBytes + processBytes, source: 'estimated' }
}

function notInMemory(modelId: ModelId): ResourceError {
  return resourceError('engine-lost', `${modelId} is not in LM Studio's memory any more. Send the request again.`)
}

function noLogprobs(): ResourceError {
  return resourceError(
    'logprobs-unsupported',
    'LM Studio tells no log probabilities with a chat. Leave out `logprobs`.',
  )
}

function nothingSaid(held: Held | undefined): ResourceError {
  const { key = '', contextTokens } = held?.instance ?? {}
  const message = `LM Studio answered nothing with '${key}', as it does when a prompt is longer than the window, here ${contextTokens} tokens. Send fewer messages, or load the model there with a larger window.`
  return resourceError('context-too-long', message)
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
