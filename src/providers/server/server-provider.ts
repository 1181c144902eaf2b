import { stat } from 'node:fs/promises'
import { AnswerChannel } from '../../spec/answer-channel.ts'
import type {
  ChatMessage,
  Embeddings,
  GenerateChunk,
  GenerateRequest,
  RawRequest,
  RelayChunk,
} from '../../spec/chat.ts'
import type { Clock } from '../../spec/clock.ts'
import { type ResourceError, resourceError } from '../../spec/errors.ts'
import { keepNewest } from '../../spec/keep-newest.ts'
import type { EngineKey, Footprint, ModelDefinition, ModelId, Platform } from '../../spec/model.ts'
import type { EngineLoss, LoadResult, Provider, StateAccess } from '../../spec/provider.ts'
import type { ProcessMeter } from '../../spec/system.ts'
import type { PromptOptions } from '../../spec/token-count.ts'
import { holdProcess } from '../../system/hold-process.ts'
import type { HttpProxies } from '../../system/http-source.ts'
import { givenUp, orGivenUp } from '../giving-up.ts'
import { notInMemory } from '../not-in-memory.ts'
import { CommandServer } from './command-server.ts'
import { inSlot } from './in-slot.ts'
import { openSlotStates, type StateKeeping } from './open-slot-states.ts'
import { openRemote } from './remote-server.ts'
import type { ServerConnection } from './server-connection.ts'
import type { ServerFeatures } from './server-features.ts'
import type { ServerPlan } from './server-plan.ts'
import type { ReadingPace, SlotStates } from './slot-states.ts'

/** Servers whose speed, and models whose last lines are kept after their server has ended. */
const MAX_LOGS = 100

export interface ServerProviderOptions {
  readonly clock: Clock
  readonly processMeter: ProcessMeter
  /** How a model is served; rejects where nobody knows. */
  readonly planOf: (definition: ModelDefinition) => Promise<ServerPlan>
  /** Sent with every request: grym's own mark, by which it knows itself. */
  readonly headers?: Readonly<Record<string, string>>
  /** What a server was found to be able to do, each time one is loaded. */
  readonly onFeatures?: (engineKey: EngineKey, features: ServerFeatures) => void
  /** On the way to servers that others run. Default: none. */
  readonly proxies?: HttpProxies
  /** How long a server that was silent may take to answer whether it lives, ms. Default 10 s. */
  readonly healthDeadlineMs?: number
  /** Told of every process that leads a group, as it begins and once all of the group is gone. */
  readonly onSpawned?: (pid: number) => void
  readonly onExited?: (pid: number) => void
  /** Where states of slots are kept; absent = nowhere: conversations are read again from their text. */
  readonly keeping?: StateKeeping
}

/** A server and the models on it. */
interface Engine {
  readonly key: EngineKey
  readonly plan: ServerPlan
  /** Absent: others run it. */
  readonly command?: CommandServer
  readonly opened: Promise<ServerConnection>
  /** Ends a start that nobody waits for any more. */
  readonly abandoned: AbortController
  /** Models that are loaded, or on the way: it ends with the last of them. */
  readonly users: Set<ModelId>
  /** Absent until it is loaded, and where no states are kept. */
  states?: Promise<SlotStates | undefined>
}

interface LoadedModel {
  readonly engine: Engine
  readonly connection: ServerConnection
  readonly result: LoadResult
  /** True for the one model of its server that its memory is counted with. */
  isFirst: boolean
}

/** Models that commands and other people's servers serve over OpenAI's HTTP. */
export class ServerProvider implements Provider {
  readonly platform: Platform = 'server'
  readonly #options: ServerProviderOptions
  readonly #engines = new Map<EngineKey, Engine>()
  readonly #ending = new Map<EngineKey, Promise<void>>()
  readonly #models = new Map<ModelId, LoadedModel>()
  readonly #logs = new Map<ModelId, CommandServer>()
  readonly #listeners: ((loss: EngineLoss) => void)[] = []
  readonly #paces = new Map<EngineKey, ReadingPace>()
  readonly states?: StateAccess

  constructor(options: ServerProviderOptions) {
    this.#options = options
    if (!options.keeping) return
    this.states = {
      save: async (modelId, reason) => (await this.#states(modelId))?.save(modelId, reason) ?? [],
      restore: async (modelId, entryIds) => (await this.#states(modelId))?.restore(modelId, entryIds) ?? 0,
    }
  }

  async load(definition: ModelDefinition, signal: AbortSignal): Promise<LoadResult> {
    const loaded = this.#models.get(definition.id)
    if (loaded) return loaded.result
    const { id, engineKey } = definition
    const { clock } = this.#options
    const startedAtMs = clock.nowMs()
    const plan = await this.#options.planOf(definition)
    await orGivenUp(Promise.resolve(this.#ending.get(engineKey)), signal)
    if (signal.aborted) throw givenUp()
    const engine = this.#engines.get(engineKey) ?? this.#open(engineKey, plan)
    engine.users.add(id)
    if (engine.command) this.#keepLog(id, engine.command)
    try {
      const connection = await orGivenUp(engine.opened, signal)
      const isFirst = ![...this.#models.values()].some((other) => other.engine === engine)
      const result: LoadResult = {
        loadMs: clock.nowMs() - startedAtMs,
        footprint: await this.#footprint(engine, definition, isFirst),
        contextTokens: connection.features.contextTokens ?? definition.contextTokens,
        ...(connection.features.slots !== null && { parallel: connection.features.slots }),
        heldFileBytes: isFirst ? await heldFileBytes(engine.plan) : 0,
        ...(engine.command?.pid !== undefined && { pid: engine.command.pid }),
      }
      if (engine.command?.isOver) throw notInMemory(id)
      this.#models.set(id, { engine, connection, result, isFirst })
      if (this.#options.keeping)
        engine.states ??= this.#openStates(engine, connection, definition, this.#options.keeping)
      this.#options.onFeatures?.(engineKey, connection.features)
      return result
    } catch (error) {
      await this.#leave(engine, id)
      throw error
    }
  }

  async unload(modelId: ModelId): Promise<void> {
    const loaded = this.#models.get(modelId)
    if (!loaded) return
    this.#models.delete(modelId)
    const heir = loaded.isFirst ? [...this.#models.values()].find(({ engine }) => engine === loaded.engine) : undefined
    if (heir) heir.isFirst = true
    await this.#leave(loaded.engine, modelId)
  }

  generate(modelId: ModelId, request: GenerateRequest, signal: AbortSignal): AsyncIterable<GenerateChunk> {
    const loaded = this.#models.get(modelId)
    const refusal = loaded ? refusedEarly(request, loaded.connection.features) : notInMemory(modelId)
    if (!loaded || refusal) {
      const channel = new AnswerChannel<GenerateChunk>(() => undefined)
      channel.fail(refusal ?? notInMemory(modelId))
      return channel
    }
    const { connection, engine } = loaded
    const { upstream } = connection
    if (!engine.states) return upstream.chat(engine.plan.model, request, signal)
    const asked = { modelId, request, signal, clock: this.#options.clock }
    return inSlot(engine.states, asked, (fields) => upstream.chat(engine.plan.model, request, signal, fields))
  }

  relay(
    modelId: ModelId,
    request: GenerateRequest,
    raw: RawRequest,
    signal: AbortSignal,
  ): AsyncIterable<RelayChunk> | undefined {
    const loaded = this.#models.get(modelId)
    if (!loaded || refusedEarly(request, loaded.connection.features)) return undefined
    const { connection, engine } = loaded
    const { upstream } = connection
    const relayed = upstream.relay(engine.plan.model, request, raw, signal)
    if (!relayed || !engine.states) return relayed
    const asked = { modelId, request, signal, clock: this.#options.clock }
    return inSlot(
      engine.states,
      asked,
      (fields) => upstream.relay(engine.plan.model, request, raw, signal, fields) ?? relayed,
    )
  }

  async countTokens(
    definition: ModelDefinition,
    messages: readonly ChatMessage[],
    signal: AbortSignal,
    options?: PromptOptions,
  ): Promise<number> {
    const loaded = this.#models.get(definition.id)
    if (loaded) return loaded.connection.countTokens({ messages, ...options }, signal)
    throw resourceError('counting-unsupported', 'A server counts tokens only while it runs.')
  }

  async embed(modelId: ModelId, inputs: readonly string[], signal: AbortSignal): Promise<Embeddings> {
    const loaded = this.#models.get(modelId)
    if (!loaded) throw notInMemory(modelId)
    return loaded.connection.upstream.embed(loaded.engine.plan.model, inputs, signal)
  }

  async measure(modelId: ModelId): Promise<Footprint | undefined> {
    const loaded = this.#models.get(modelId)
    // What a second model on the same server takes cannot be told apart from the rest of it.
    if (!loaded?.isFirst) return undefined
    const bytes = await loaded.engine.command?.bytes()
    return bytes === undefined ? undefined : { bytes, source: 'measured' }
  }

  log(modelId: ModelId): readonly string[] | undefined {
    return this.#logs.get(modelId)?.output?.lines
  }

  /** What the server of a model in memory can do, as it was found by asking; `undefined` = it is not in memory. */
  featuresOf(modelId: ModelId): ServerFeatures | undefined {
    return this.#models.get(modelId)?.connection.features
  }

  onEngineLost(listener: (loss: EngineLoss) => void): void {
    this.#listeners.push(listener)
  }

  /** Every command is told to end before this returns; our own process stays until they are gone. */
  dispose(): Promise<void> {
    const engines = [...this.#engines.values()]
    this.#models.clear()
    for (const engine of engines) {
      void this.#end(engine)
      engine.command?.ask()
    }
    return holdProcess(async () => void (await Promise.all(this.#ending.values())))
  }

  #open(key: EngineKey, plan: ServerPlan): Engine {
    const { clock, processMeter, headers, proxies, healthDeadlineMs, onSpawned, onExited } = this.#options
    const abandoned = new AbortController()
    const { run } = plan
    const command =
      run.kind === 'command'
        ? new CommandServer({
            ...{ clock, processMeter, plan, run, healthDeadlineMs, onSpawned, onExited },
            ...(headers && { headers }),
            onLost: (loss) => this.#lose(engine, loss),
          })
        : undefined
    const opened = command
      ? command.start(abandoned.signal).then(() => command.connection)
      : openRemote({ clock, plan, proxies, ...(headers && { headers }) }, abandoned.signal)
    // Every model that waits for it gets the failure; when all have left meanwhile nobody does.
    opened.catch(() => undefined)
    const engine: Engine = { key, plan, ...(command && { command }), opened, abandoned, users: new Set() }
    this.#engines.set(key, engine)
    return engine
  }

  #states(modelId: ModelId): Promise<SlotStates | undefined> {
    return this.#models.get(modelId)?.engine.states ?? Promise.resolve(undefined)
  }

  /** Beside the load: what tells its states from others may have to be read from large files. */
  async #openStates(
    { key, plan, command }: Engine,
    connection: ServerConnection,
    definition: ModelDefinition,
    keeping: StateKeeping,
  ): Promise<SlotStates | undefined> {
    const { clock } = this.#options
    if (!command) return undefined
    const pace = this.#paces.get(key) ?? { tokensPerMs: undefined }
    this.#paces.set(key, pace)
    keepNewest(this.#paces, MAX_LOGS)
    const onFault = (error: unknown): void => {
      // A server that was told to end meanwhile owes no answer.
      if (!command.isOver && this.#engines.get(key)?.command === command) keeping.onFault(error)
    }
    return openSlotStates({ ...keeping, onFault, clock, plan, connection, definition, pid: command.pid, pace })
  }

  async #footprint(engine: Engine, definition: ModelDefinition, isFirst: boolean): Promise<Footprint> {
    // Somebody else's memory is none of ours, by the word of the person who gave its address.
    if (!engine.command) return { bytes: 0, source: 'configured' }
    const bytes = await engine.command.bytes()
    if (bytes !== undefined) return { bytes: isFirst ? bytes : 0, source: 'measured' }
    const { weightsBytes, contextBytes, processBytes, source } = definition.estimate
    return { bytes: isFirst ? weightsBytes + contextBytes + processBytes : 0, source }
  }

  /** The model leaves its server; the last one ends it. */
  async #leave(engine: Engine, modelId: ModelId): Promise<void> {
    engine.users.delete(modelId)
    if (engine.users.size === 0) await this.#end(engine)
  }

  #end(engine: Engine): Promise<void> {
    this.#forget(engine)
    return this.#noteEnding(engine.key, this.#close(engine))
  }

  /** The next load of the same key waits for it: two of them would share a port, and the memory. */
  #noteEnding(key: EngineKey, work: Promise<void>): Promise<void> {
    const ended = work.finally(() => {
      if (this.#ending.get(key) === ended) this.#ending.delete(key)
    })
    this.#ending.set(key, ended)
    return ended
  }

  async #close({ abandoned, opened, command }: Engine): Promise<void> {
    abandoned.abort()
    const connection = await opened.catch(() => undefined)
    if (!connection) return
    if (command) await command.stop()
    else await connection.close()
  }

  #lose(engine: Engine, loss: Pick<EngineLoss, 'cause' | 'detail'>): void {
    this.#forget(engine)
    if (engine.command) void this.#noteEnding(engine.key, engine.command.gone)
    for (const listener of this.#listeners) listener({ engineKey: engine.key, ...loss })
  }

  #forget(engine: Engine): void {
    if (this.#engines.get(engine.key) === engine) this.#engines.delete(engine.key)
    for (const [modelId, loaded] of this.#models) if (loaded.engine === engine) this.#models.delete(modelId)
    void engine.states?.then((states) => states?.close())
  }

  #keepLog(modelId: ModelId, command: CommandServer): void {
    this.#logs.delete(modelId)
    this.#logs.set(modelId, command)
    const [oldest] = this.#logs.keys()
    if (this.#logs.size > MAX_LOGS && oldest !== undefined) this.#logs.delete(oldest)
  }
}

/** A template without a place for tools leaves them out without a word. */
function refusedEarly(
  { tools = [], toolChoice }: GenerateRequest,
  { hasTools }: ServerFeatures,
): ResourceError | undefined {
  if (tools.length === 0 || toolChoice === 'none' || hasTools !== false) return undefined
  const message =
    "The model's own chat template has no place for tools. Use a model whose template has, or leave out `tools`."
  return resourceError('tools-unsupported', message)
}

async function heldFileBytes({ run }: ServerPlan): Promise<number> {
  if (run.kind !== 'command' || run.weightsPath === undefined) return 0
  return stat(run.weightsPath).then(
    ({ size }) => size,
    // It is read by the command, which may see other folders than grym does.
    () => 0,
  )
}
