import { AnswerChannel } from '../../spec/answer-channel.ts'
import type { WeightsFile, WeightsLocator } from '../../spec/catalog.ts'
import type { ChatMessage, Embeddings, GenerateChunk, GenerateRequest } from '../../spec/chat.ts'
import type { Clock } from '../../spec/clock.ts'
import type { ResourceError } from '../../spec/errors.ts'
import type { GpuPlacement } from '../../spec/gpu-placement.ts'
import { keepNewest } from '../../spec/keep-newest.ts'
import type { EngineKey, Footprint, ModelDefinition, ModelId, Platform } from '../../spec/model.ts'
import type { EngineLoss, LoadResult, Provider } from '../../spec/provider.ts'
import type { StateCache } from '../../spec/state-cache.ts'
import type { StateSupport } from '../../spec/state-support.ts'
import type { ProcessMeter } from '../../spec/system.ts'
import type { PromptOptions } from '../../spec/token-count.ts'
import { givenUp, orGivenUp } from '../giving-up.ts'
import { notInMemory } from '../not-in-memory.ts'
import { EmbeddedStates } from './embedded-states.ts'
import { EngineProcess } from './engine-process.ts'
import { EngineRuns } from './engine-runs.ts'
import { gpuLoad, reportedPlacement } from './gpu-shares.ts'
import { asOllamaFailure, classifyLoadFailure } from './load-failure.ts'
import { SpareEngine } from './spare-engine.ts'
import { ThreadBudget } from './thread-budget.ts'
import { Vocabularies } from './vocabularies.ts'
import type { DeviceBuffers } from './worker/device-buffers.ts'
import type { StateFacts } from './worker/state-messages.ts'

/** Tokens evaluated at once at most; slices are smaller (see `worker/prefill-pace.ts`), and buffers grow with it. */
export const BATCH_TOKENS = 128
/** The same where layers lie on GPUs, which read a prompt faster the more of it they get at once. */
export const GPU_BATCH_TOKENS = 512

/** Models whose engine's last words are remembered. */
const MOST_PRINTERS = 32

export interface EmbeddedProviderOptions {
  readonly clock: Clock
  readonly processMeter: ProcessMeter
  readonly weights: WeightsLocator
  /** Cores that all engines together may use. */
  readonly cores: number
  /** Where compiled code of the worker is kept between starts. */
  readonly compileCacheFolder: string
  /** Where packages of the engine lie that were installed apart, `<GRYM_HOME>/engines`. Default: nowhere. */
  readonly enginesFolder?: string
  /** Told of every engine process that begins and ends, so that none outlives a killed daemon unnoticed. */
  readonly onSpawned?: (pid: number) => void
  readonly onExited?: (pid: number) => void
  /** May layers come to lie on GPUs? Default: never. */
  readonly mayUseGpus?: () => boolean
  /** May an engine process without a model be kept ready now? It takes about 90 MB. Default: never. */
  readonly maySpare?: () => boolean
  /** Where KV states are kept on disk. Default: nowhere. */
  readonly stateCache?: StateCache
  /** SHA-256 of a file, hexadecimal. Without it only models whose weights' digest is known keep states, and none with adapters. */
  readonly digestOf?: (path: string) => Promise<string>
  /** See `EmbeddedStatesOptions`. */
  readonly restoreCostMs?: number
}

/** One engine process and the models on it. */
interface Engine {
  readonly key: EngineKey
  readonly process: EngineProcess
  readonly weightsLoaded: Promise<readonly DeviceBuffers[]>
  /** Models that are loaded, or on the way: the process ends with the last of them. */
  readonly users: Set<ModelId>
}

interface LoadedModel {
  readonly engine: Engine
  readonly weights: WeightsFile
  readonly result: LoadResult
  /** True for the one model of its process that its weights and the process are counted with. */
  isFirst: boolean
}

interface OpenedModel {
  readonly isFirst: boolean
  readonly footprint: Footprint
  readonly placed: GpuPlacement | undefined
  readonly stateFacts: StateFacts | undefined
}

/** Runs GGUF files on llama.cpp (node-llama-cpp), each weights file in a process of its own. */
export class EmbeddedProvider implements Provider {
  readonly platform: Platform = 'local'
  readonly spare: SpareEngine
  readonly states?: EmbeddedStates
  readonly #runs: EngineRuns
  readonly #options: EmbeddedProviderOptions
  readonly #threads: ThreadBudget
  readonly #vocabularies: Vocabularies
  readonly #engines = new Map<EngineKey, Engine>()
  readonly #ending = new Map<EngineKey, Promise<void>>()
  readonly #models = new Map<ModelId, LoadedModel>()
  /** The process that last held each model, for what it printed. */
  readonly #printers = new Map<ModelId, EngineProcess>()
  readonly #listeners: ((loss: EngineLoss) => void)[] = []
  #isDisposed = false

  constructor(options: EmbeddedProviderOptions) {
    this.#options = options
    this.#threads = new ThreadBudget(options.cores)
    const { clock, stateCache: cache, digestOf = digestUnknown, restoreCostMs } = options
    if (cache) this.states = new EmbeddedStates({ cache, clock, digestOf, restoreCostMs })
    this.#runs = new EngineRuns({ threads: this.#threads, states: this.states, onOver: () => this.#keepSpare() })
    this.spare = new SpareEngine({
      clock,
      start: () => this.#startProcess(),
      measure: (process) => this.#processBytes(process),
    })
    this.#vocabularies = new Vocabularies(clock, () => this.#startProcess(true))
  }

  async load(definition: ModelDefinition, signal: AbortSignal, placement?: GpuPlacement): Promise<LoadResult> {
    const loaded = this.#models.get(definition.id)
    if (loaded) return loaded.result
    const startedAtMs = this.#options.clock.nowMs()
    const weights = await this.#options.weights.locate(definition.id)
    await this.#ending.get(definition.engineKey)
    if (signal.aborted) throw givenUp()
    const engine = this.#engines.get(definition.engineKey) ?? this.#spawn(definition.engineKey, weights, placement)
    engine.users.add(definition.id)
    this.#printers.delete(definition.id)
    this.#printers.set(definition.id, engine.process)
    keepNewest(this.#printers, MOST_PRINTERS)
    try {
      const opening = this.#openModel(engine, definition, placement)
      const { isFirst, footprint, placed, stateFacts } = await orGivenUp(opening, signal)
      const result: LoadResult = {
        loadMs: this.#options.clock.nowMs() - startedAtMs,
        footprint,
        contextTokens: definition.contextTokens,
        heldFileBytes: isFirst ? Math.max(0, weights.sizeBytes - (placed?.sparedWeightsBytes ?? 0)) : 0,
        ...(placed && { placement: placed }),
        ...(engine.process.pid !== undefined && { pid: engine.process.pid }),
      }
      this.#models.set(definition.id, { engine, weights, result, isFirst })
      if (stateFacts) this.states?.opened(engine.process, definition, weights, stateFacts)
      return result
    } catch (error) {
      await this.#leave(engine, definition.id)
      throw loadFailure(error, weights, engine.process.log, placement !== undefined)
    }
  }

  async unload(modelId: ModelId): Promise<void> {
    const loaded = this.#models.get(modelId)
    if (!loaded) return
    this.#models.delete(modelId)
    this.states?.closed(modelId)
    const heir = loaded.isFirst ? [...this.#models.values()].find(({ engine }) => engine === loaded.engine) : undefined
    if (heir) heir.isFirst = true
    await this.#leave(loaded.engine, modelId)
    this.spare.dropWhen(() => this.#models.size === 0)
  }

  generate(modelId: ModelId, request: GenerateRequest, signal: AbortSignal): AsyncIterable<GenerateChunk> {
    const loaded = this.#models.get(modelId)
    if (loaded) return this.#runs.generate(loaded.engine.process, modelId, request, signal)
    const channel = new AnswerChannel<GenerateChunk>(() => {})
    channel.fail(notInMemory(modelId))
    return channel
  }

  async countTokens(
    definition: ModelDefinition,
    messages: readonly ChatMessage[],
    signal: AbortSignal,
    options?: PromptOptions,
  ): Promise<number> {
    const prompt = { messages, ...options }
    const { id, engineKey } = definition
    const { template } = definition.engine
    const loaded = this.#models.get(id)
    if (loaded) return orGivenUp(loaded.engine.process.count(template, prompt), signal)
    const weights = await this.#options.weights.locate(id)
    const counted = this.#vocabularies.count(engineKey, weights.path, template, prompt)
    return orGivenUp(
      counted.catch((error: unknown) => {
        throw loadFailure(error, weights, '')
      }),
      signal,
    )
  }

  async embed(modelId: ModelId, inputs: readonly string[], signal: AbortSignal): Promise<Embeddings> {
    const loaded = this.#models.get(modelId)
    if (!loaded) throw notInMemory(modelId)
    return this.#runs.embed(loaded.engine.process, modelId, inputs, signal)
  }

  /**
   * Whether the states of this model, which is in memory, can be saved and restored; found by trying, at the cost of about a
   * hundred tokens. Rejects with `engine-lost` when the engine dies of it.
   * @param folder where a file of a few MB lies meanwhile.
   */
  async probeStateSupport({ id, engine }: ModelDefinition, folder: string): Promise<StateSupport> {
    const loaded = this.#models.get(id)
    if (!loaded) throw notInMemory(id)
    const { process } = loaded.engine
    await this.#threads.acquire(process)
    try {
      return await process.probeState(engine, BATCH_TOKENS, folder)
    } finally {
      this.#threads.release(process)
    }
  }

  async measure(modelId: ModelId): Promise<Footprint | undefined> {
    const loaded = this.#models.get(modelId)
    // What a second model on the same weights takes by now cannot be told apart from the rest of its process.
    if (!loaded?.isFirst) return undefined
    const bytes = await this.#processBytes(loaded.engine.process)
    if (bytes === undefined) return undefined
    const besideBytes = [...this.#models.values()]
      .filter((other) => other !== loaded && other.engine === loaded.engine)
      .reduce((sumBytes, { result }) => sumBytes + result.footprint.bytes, 0)
    return { bytes: Math.max(0, bytes - besideBytes), source: 'measured' }
  }

  log(modelId: ModelId): readonly string[] | undefined {
    return this.#printers
      .get(modelId)
      ?.log.split('\n')
      .filter((line) => line !== '')
  }

  onEngineLost(listener: (loss: EngineLoss) => void): void {
    this.#listeners.push(listener)
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true
    const engines = [...this.#engines.values()]
    this.#models.clear()
    await Promise.all([
      this.spare.dispose(),
      this.#vocabularies.dispose(),
      ...engines.map((engine) => this.#end(engine)),
    ])
    await Promise.all(this.#ending.values())
  }

  #spawn(key: EngineKey, weights: WeightsFile, placement: GpuPlacement | undefined): Engine {
    const process = this.#takeProcess(placement !== undefined)
    const weightsLoaded = process.load(weights.path, this.#options.cores, gpuLoad(placement))
    // Every model that waits for it gets the failure; when all have left meanwhile nobody does.
    weightsLoaded.catch(() => undefined)
    const engine: Engine = { key, process, weightsLoaded, users: new Set() }
    this.#engines.set(key, engine)
    return engine
  }

  /** Keeps one process ready when nothing generates: starting one beside an answer would slow the answer down. */
  #keepSpare(): void {
    if (this.#isDisposed || this.#threads.isBusy || this.#models.size === 0) return
    if (this.#options.maySpare?.()) this.spare.keep()
  }

  /** The spare one where it can do the work; one for the CPU alone cannot turn to GPUs. */
  #takeProcess(isForGpus: boolean): EngineProcess {
    const spare = this.spare.take()
    if (spare && !(isForGpus && spare.isForCpu)) return spare
    void spare?.kill()
    return isForGpus ? this.#startProcess(false) : this.#startProcess()
  }

  #startProcess(isForCpu = this.#options.mayUseGpus?.() !== true): EngineProcess {
    const { clock, processMeter, compileCacheFolder, enginesFolder, onSpawned, onExited } = this.#options
    const process = new EngineProcess({
      clock,
      processMeter,
      compileCacheFolder,
      isForCpu,
      ...(enginesFolder !== undefined && { enginesFolder }),
      onExited: () => {
        this.states?.forget(process)
        if (process.pid !== undefined) onExited?.(process.pid)
      },
      onLost: (loss) => this.#lose(process, loss),
      onState: (message) => this.states?.receive(process, message),
    })
    if (process.pid !== undefined) onSpawned?.(process.pid)
    return process
  }

  /** Opens the model's context and measures what it takes: the first of a process takes the process. */
  async #openModel(
    engine: Engine,
    definition: ModelDefinition,
    placement: GpuPlacement | undefined,
  ): Promise<OpenedModel> {
    const weightsOnGpus = await engine.weightsLoaded
    const isFirst = ![...this.#models.values()].some((other) => other.engine === engine)
    const beforeBytes = isFirst ? 0 : await this.#processBytes(engine.process)
    const batchTokens = definition.engine.batchTokens ?? (placement ? GPU_BATCH_TOKENS : BATCH_TOKENS)
    const terms = this.states?.termsOf(definition.id)
    const { buffers, stateFacts } = await engine.process.openContext(definition, batchTokens, terms)
    const placed = placement && reportedPlacement(placement, isFirst ? weightsOnGpus : [], buffers)
    const afterBytes = await this.#processBytes(engine.process)
    if (beforeBytes === undefined || afterBytes === undefined) {
      const { weightsBytes, contextBytes, processBytes } = definition.estimate
      const sparedBytes = (placement?.sparedWeightsBytes ?? 0) + (placement?.sparedContextBytes ?? 0)
      const bytes = (isFirst ? weightsBytes + contextBytes + processBytes : contextBytes) - sparedBytes
      return { isFirst, placed, stateFacts, footprint: { bytes: Math.max(0, bytes), source: 'estimated' } }
    }
    const bytes = Math.max(0, afterBytes - beforeBytes)
    return { isFirst, placed, stateFacts, footprint: { bytes, source: 'measured' } }
  }

  async #processBytes({ pid }: EngineProcess): Promise<number | undefined> {
    if (pid === undefined) return undefined
    const memory = await this.#options.processMeter.read(pid, { withPss: true })
    return memory?.pssBytes ?? memory?.rssBytes
  }

  /** The model leaves its process; the last one ends it. */
  async #leave(engine: Engine, modelId: ModelId): Promise<void> {
    engine.users.delete(modelId)
    if (engine.process.isOver) return
    // The process, not the model, is what gives memory back: a disposed model leaves 109 MB behind.
    if (engine.users.size === 0) return this.#end(engine)
    await engine.process.closeContext(modelId)
  }

  #end(engine: Engine): Promise<void> {
    this.#forget(engine)
    const ended = engine.process.kill().finally(() => {
      if (this.#ending.get(engine.key) === ended) this.#ending.delete(engine.key)
    })
    this.#ending.set(engine.key, ended)
    return ended
  }

  #lose(process: EngineProcess, loss: Pick<EngineLoss, 'cause' | 'detail'>): void {
    this.spare.forget(process)
    const engine = [...this.#engines.values()].find((other) => other.process === process)
    if (!engine) return
    this.#forget(engine)
    for (const listener of this.#listeners) listener({ engineKey: engine.key, ...loss })
  }

  #forget(engine: Engine): void {
    if (this.#engines.get(engine.key) === engine) this.#engines.delete(engine.key)
    for (const [modelId, loaded] of this.#models) if (loaded.engine === engine) this.#models.delete(modelId)
  }
}

async function digestUnknown(path: string): Promise<never> {
  throw new Error(`nobody says what ${path} holds`)
}

function loadFailure(error: unknown, { path, ollamaName }: WeightsFile, log: string, isOnGpu = false): ResourceError {
  const failure = classifyLoadFailure(error, log, fileNameOf(path), isOnGpu)
  return ollamaName === undefined ? failure : asOllamaFailure(failure, ollamaName)
}

function fileNameOf(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
}
