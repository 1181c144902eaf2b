import { AnswerChannel } from '../../spec/answer-channel.ts'
import type { Embeddings, GenerateChunk, GenerateRequest } from '../../spec/chat.ts'
import type { Clock } from '../../spec/clock.ts'
import { ResourceError, resourceError } from '../../spec/errors.ts'
import type { GpuPlacement } from '../../spec/gpu-placement.ts'
import type { EngineKey, Footprint, ModelDefinition, ModelId, Platform, UnloadReason } from '../../spec/model.ts'
import type { EngineLoss, LoadResult, Provider } from '../../spec/provider.ts'
import type { ProcessMeter } from '../../spec/system.ts'
import type { RunnerFinder } from '../../system/ollama-runners.ts'
import type { SilenceWatch } from '../openai/silence-watch.ts'
import { AnswerReader } from './answer-reader.ts'
import { answerRequest } from './answer-request.ts'
import { answerSilence } from './answer-silence.ts'
import { Deadline } from './deadline.ts'
import { type HeldModel, HeldRunner, type RunnerForm, type RunnerUse } from './held-runner.ts'
import { KeyedTurns } from './keyed-turns.ts'
import { runnerOptions } from './load-signature.ts'
import type { OllamaConnection } from './ollama-connection.ts'
import { isRunnerGone } from './ollama-failure.ts'
import type { OllamaModels } from './ollama-models.ts'
import { KEEP_ALIVE, OllamaServer } from './ollama-server.ts'
import { OomKills } from './oom-kills.ts'
import { givenUp, orGivenUp } from '../giving-up.ts'
import { notInMemory } from '../not-in-memory.ts'
import { RunnerLoads } from './runner-loads.ts'
import { RunnerLosses } from './runner-losses.ts'
import { readEmbeddings } from './vectors.ts'

export interface OllamaProviderOptions {
  readonly connection: OllamaConnection
  readonly models: OllamaModels
  readonly clock: Clock
  readonly processMeter: ProcessMeter
  /** Finds processes of an Ollama on this machine; it is asked only where the connection goes to loopback. */
  readonly runners?: RunnerFinder
  /** Time between two looks at what Ollama holds, while it holds something for grym. */
  readonly watchIntervalMs: () => number
}

/** What the load signature saved, and what it could not. They only grow. */
export interface OllamaCounters {
  /** Requests or models that would have made Ollama load weights again, and did not. */
  reloadsAvoided: number
  /** Weights that were loaded again, with a larger window or for the other kind of work. */
  reloads: number
}

/** Texts embedded in one request: an hour is more than any batch takes. */
const EMBED_DEADLINE_MS = 3_600_000
/** Who ends grym waits for it. */
const DISPOSE_DEADLINE_MS = 10_000

/**
 * Runs models in an Ollama that somebody else started. grym decides what is in its memory and for how long; what others do
 * there is noticed and respected. Several names for the same weights share one of its runners.
 */
export class OllamaProvider implements Provider {
  readonly platform: Platform = 'ollama'
  readonly counters: OllamaCounters = { reloadsAvoided: 0, reloads: 0 }
  readonly #options: OllamaProviderOptions
  /** Absent where the server's processes cannot be seen. */
  readonly #visibleRunners: RunnerFinder | undefined
  readonly #loads: RunnerLoads
  readonly #losses: RunnerLosses
  readonly #runners = new Map<EngineKey, HeldRunner>()
  /** Weights that grym had loaded and not unloaded since, with a name for them, also where their runner was lost. */
  readonly #ours = new Map<EngineKey, string>()
  /** Loads and unloads of the same weights go one after the other. */
  readonly #turns = new KeyedTurns()
  readonly #disposing = new AbortController()

  constructor(options: OllamaProviderOptions) {
    this.#options = options
    const runners = options.connection.isLoopback ? options.runners : undefined
    this.#visibleRunners = runners
    const server = new OllamaServer({ ...options, runners })
    const oomKills = new OomKills(runners && options.processMeter)
    const shared = {
      ...options,
      runners,
      server,
      oomKills,
      counters: this.counters,
      held: this.#runners,
      ours: this.#ours,
    }
    this.#losses = new RunnerLosses(shared)
    this.#loads = new RunnerLoads({
      ...shared,
      lose: (runner, cause, detail) => this.#losses.lose(runner, cause, detail),
    })
  }

  async load(definition: ModelDefinition, signal: AbortSignal, placement?: GpuPlacement): Promise<LoadResult> {
    const { id, engineKey } = definition
    const stop = AbortSignal.any([signal, this.#disposing.signal])
    return this.#turns.run(engineKey, stop, async () => {
      const held = this.#find(id)
      if (held) return held.model.result
      if (stop.aborted) throw givenUp()
      const result = await this.#loads.load(definition, placement, stop)
      this.#losses.watch.start()
      return result
    })
  }

  /** What somebody else had loaded gets Ollama's own timer back where nobody needs its memory at once. */
  async unload(modelId: ModelId, reason: UnloadReason = 'requested'): Promise<void> {
    const held = this.#find(modelId)
    if (!held) return
    const { runner, model } = held
    model.isLeaving = true
    try {
      // Requests of it are over or about to be: who decides on unloading has none running.
      await this.#turns.run(runner.key, this.#disposing.signal, () => this.#loads.unload(runner, model, reason))
    } catch (error) {
      model.isLeaving = false
      throw error
    }
    if (this.#runners.size === 0) this.#losses.watch.stop()
  }

  generate(modelId: ModelId, request: GenerateRequest, signal: AbortSignal): AsyncIterable<GenerateChunk> {
    const stop = new AbortController()
    const channel = new AnswerChannel<GenerateChunk>(() => stop.abort())
    const abort = (): void => {
      channel.fail(givenUp())
      stop.abort()
    }
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    void this.#answer(modelId, request, channel, stop).finally(() => signal.removeEventListener('abort', abort))
    return channel
  }

  /** Ollama has no way to count tokens: it tells of a prompt how many it had when it has answered it. */
  async countTokens({ id }: ModelDefinition): Promise<number> {
    const message = `Ollama does not count tokens, so those of a prompt for ${id} can only be estimated.`
    throw resourceError('counting-unsupported', message)
  }

  async embed(modelId: ModelId, inputs: readonly string[], signal: AbortSignal): Promise<Embeddings> {
    const stop = new AbortController()
    const abort = (): void => stop.abort()
    if (signal.aborted) throw givenUp()
    signal.addEventListener('abort', abort, { once: true })
    try {
      const { runner, model, use } = await this.#enter(modelId, 'vectors', stop)
      return await this.#used(runner, use, async () => {
        const { name } = model
        const options = runnerOptions(runner.signature)
        const body = { model: name, input: inputs, truncate: false, keep_alive: KEEP_ALIVE, options }
        const call = { signal: stop.signal, deadlineMs: EMBED_DEADLINE_MS, model: name }
        return readEmbeddings(await this.#options.connection.post('/api/embed', body, call), inputs.length)
      })
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  async measure(modelId: ModelId): Promise<Footprint | undefined> {
    const held = this.#find(modelId)
    return held && this.#loads.measure(held.runner, held.model)
  }

  onEngineLost(listener: (loss: EngineLoss) => void): void {
    this.#losses.listeners.push(listener)
  }

  /** What grym loaded is unloaded; what others had loaded is left to them. Takes 10 s at most, and closes the connection. */
  async dispose(): Promise<void> {
    this.#losses.watch.stop()
    this.#disposing.abort()
    for (const runner of this.#runners.values()) for (const { stop } of runner.uses) stop.abort()
    const deadline = new Deadline(this.#options.clock, DISPOSE_DEADLINE_MS)
    try {
      await orGivenUp(this.#end(deadline.signal), deadline.signal)
    } catch (error) {
      // What is not gone by now is left to Ollama's timer; there is nobody left here to tell.
      if (!deadline.hasPassed) throw error
    } finally {
      deadline.end()
      await this.#options.connection.close()
    }
  }

  async #end(signal: AbortSignal): Promise<void> {
    await this.#turns.settled()
    await this.#loads.giveBack(signal)
  }

  #find(modelId: ModelId): { runner: HeldRunner; model: HeldModel } | undefined {
    for (const runner of this.#runners.values()) {
      const model = runner.models.get(modelId)
      if (model) return { runner, model }
    }
    return undefined
  }

  /** A place on the model's runner, once that is as the work needs it. Rejects with `engine-lost` when it is not there. */
  async #enter(
    modelId: ModelId,
    form: RunnerForm,
    stop: AbortController,
  ): Promise<{ runner: HeldRunner; model: HeldModel; use: RunnerUse }> {
    const { signal } = stop
    for (;;) {
      const held = this.#find(modelId)
      if (!held || held.model.isLeaving) throw notInMemory(modelId)
      const { runner, model } = held
      if (signal.aborted) throw givenUp()
      if (runner.change) await orGivenUp(runner.change, signal)
      else if (this.#losses.isProcessGone(runner)) await this.#losses.lookAfter(runner)
      else if (runner.serves(form) || model.definition.onlyEmbeds) {
        return { runner, model, use: runner.use(modelId, stop) }
      } else await this.#turns.run(runner.key, signal, () => this.#loads.takeForm(runner, form, signal))
    }
  }

  async #answer(
    modelId: ModelId,
    request: GenerateRequest,
    channel: AnswerChannel<GenerateChunk>,
    stop: AbortController,
  ): Promise<void> {
    try {
      const { runner, model, use } = await this.#enter(modelId, 'answers', stop)
      await this.#used(runner, use, async () => {
        const { name, shown } = model
        const { path, body } = answerRequest(request, {
          name,
          signature: runner.signature,
          keepAlive: KEEP_ALIVE,
          stop: shown?.parameters.stop ?? [],
          canThink: shown?.capabilities.includes('thinking') ?? false,
        })
        const reader = new AnswerReader({ model: name, mayCallSeveral: request.parallelToolCalls ?? true })
        const call = { signal: stop.signal, model: name }
        const silence = this.#watchSilence(runner, body)
        let isBegun = false
        try {
          for await (const line of this.#options.connection.stream(path, body, call)) {
            silence.touch()
            // Ollama loads a model whose process has just died again without a word; whoever accounts for it has to know.
            if (!isBegun && this.#losses.isProcessGone(runner)) throw endedUnnoticed()
            isBegun = true
            for (const chunk of reader.read(line)) channel.push(chunk)
          }
        } finally {
          silence.stop()
        }
        if (!reader.isDone) throw brokenOff(reader.isRepeating)
      })
      channel.end()
    } catch (error) {
      channel.fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** When its process hangs that is told, and Ollama lets go of it before the model is loaded again. */
  #watchSilence(runner: HeldRunner, body: object): SilenceWatch {
    const { clock } = this.#options
    const requestBytes = Buffer.byteLength(JSON.stringify(body))
    const onStuck = (silentMs: number): void => {
      // Another answer on it may have told it first, and the model may be back by now.
      if (this.#runners.get(runner.key) !== runner) return
      const cause = this.#losses.isProcessGone(runner) ? 'crashed' : 'stuck'
      this.#losses.lose(runner, cause, `no progress for ${silentMs / 1_000} s`)
      const clear = this.#turns.run(runner.key, this.#disposing.signal, () => this.#loads.clear(runner, runner.name))
      // Given up when grym ends, which unloads what is left by itself.
      clear.catch((error: unknown) => {
        if (!(error instanceof ResourceError)) throw error
      })
    }
    return answerSilence({ clock, runners: this.#visibleRunners, runner, requestBytes, onStuck })
  }

  /** Work on a runner; when the runner dies of it, that is told before the work ends as lost. */
  async #used<Result>(runner: HeldRunner, use: RunnerUse, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (error) {
      if (use.lost) throw use.lost
      if (!(error instanceof ResourceError) || !isLoss(error)) throw error
      const own = await this.#losses.explain(runner, error)
      throw use.lost ?? own
    } finally {
      use.leave()
      runner.touchedAtMs = this.#options.clock.nowMs()
    }
  }
}

function isLoss(error: ResourceError): boolean {
  return error.reason === 'engine-lost' || error.reason === 'engine-unreachable' || isRunnerGone(error)
}

/** A stream ended before its answer did. */
function brokenOff(isRepeating: boolean): ResourceError {
  if (!isRepeating) return resourceError('engine-lost', 'The answer ended before it was complete.')
  const message =
    'Ollama ended the answer because the model wrote the same token again and again. Raise `repeatPenalty` or the temperature.'
  return resourceError('engine-error', message)
}

function endedUnnoticed(): ResourceError {
  return resourceError('engine-lost', 'The process of the model ended before it answered.')
}
