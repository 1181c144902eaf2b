import type { Clock } from '../../spec/clock.ts'
import type { ErrorReason } from '../../spec/error-reason.ts'
import { ResourceError, resourceError } from '../../spec/errors.ts'
import type { GpuPlacement } from '../../spec/gpu-placement.ts'
import type { EngineKey, Footprint, ModelDefinition, UnloadReason } from '../../spec/model.ts'
import type { EngineLossCause, LoadResult } from '../../spec/provider.ts'
import type { ProcessMeter } from '../../spec/system.ts'
import { Deadline } from './deadline.ts'
import { type HeldModel, HeldRunner, type RunnerForm } from './held-runner.ts'
import { joinSignature, loadSignature, type LoadSignature } from './load-signature.ts'
import type { OllamaAge } from './ollama-age.ts'
import type { OllamaConnection } from './ollama-connection.ts'
import { asLoadFailure } from './ollama-failure.ts'
import type { OllamaModels } from './ollama-models.ts'
import type { ResidentModel } from './ollama-replies.ts'
import { OLLAMA_KEEP_ALIVE, type OllamaServer } from './ollama-server.ts'
import type { OomKills } from './oom-kills.ts'
import { givenUp, orGivenUp } from '../giving-up.ts'
import { measuredFootprint, reportedFootprint, reportedPlacement } from './runner-footprint.ts'

export interface RunnerLoadsOptions {
  readonly connection: OllamaConnection
  readonly models: OllamaModels
  readonly server: OllamaServer
  readonly clock: Clock
  readonly processMeter: ProcessMeter
  readonly oomKills: OomKills
  readonly held: Map<EngineKey, HeldRunner>
  /** Weights that grym had loaded, by a name of them, also where their runner was lost since: nobody else's. */
  readonly ours: Map<EngineKey, string>
  readonly counters: { reloadsAvoided: number; reloads: number }
  readonly lose: (runner: HeldRunner, cause: EngineLossCause, detail: string) => void
}

/** Until the requests of a model that is to be unloaded are over. */
const DRAIN_DEADLINE_MS = 30_000
/** A touch of a model that is there takes milliseconds; a busy Ollama may take longer. */
const HAND_BACK_DEADLINE_MS = 5_000
/** Unloads that make no room for anybody. */
const UNHURRIED: ReadonlySet<UnloadReason> = new Set(['idle', 'shutdown'])
const NEVER: AbortSignal = new AbortController().signal

/** Brings models into Ollama's memory and out of it. Of the same weights only one thing at a time is done. */
export class RunnerLoads {
  readonly #options: RunnerLoadsOptions

  constructor(options: RunnerLoadsOptions) {
    this.#options = options
  }

  /** Loads a model, or lets it join the runner of another name for its weights. A rejected load leaves nothing behind. */
  async load(
    definition: ModelDefinition,
    placement: GpuPlacement | undefined,
    signal: AbortSignal,
  ): Promise<LoadResult> {
    const { clock, held, models, server } = this.#options
    const { id, engineKey } = definition
    const name = definition.engineName ?? id
    const startedAtMs = clock.nowMs()
    server.learn(name, engineKey)
    const shown = await orGivenUp(models.describe(name), signal)
    const wanted = loadSignature(definition, shown?.parameters, placement)
    const joined = held.get(engineKey)
    const before = joined && (await this.#whole(joined, definition))
    if (joined) await this.#join(joined, wanted, signal)
    const runner = joined ?? (await this.#start(definition, name, wanted, placement, signal))
    const whole = await this.#whole(runner, definition)
    if (signal.aborted) {
      if (!joined) await this.clear(runner, name)
      throw givenUp()
    }
    const model: HeldModel = {
      definition,
      name,
      shown,
      isLeaving: false,
      result: {
        loadMs: clock.nowMs() - startedAtMs,
        footprint: { ...whole, bytes: Math.max(0, whole.bytes - (before?.bytes ?? 0)) },
        contextTokens: runner.contextTokens,
        // Ollama reads weights into memory of its own, and what it maps is in the measure of its process.
        heldFileBytes: 0,
        ...(placement && { placement: reportedPlacement(placement, runner.sizeVramBytes) }),
        ...(runner.process && { pid: runner.process.pid }),
      },
    }
    runner.models.set(id, model)
    held.set(engineKey, runner)
    return model.result
  }

  /** The model leaves its runner; with the last one the weights leave memory, or are handed back to whoever loaded them. */
  async unload(runner: HeldRunner, model: HeldModel, reason: UnloadReason): Promise<void> {
    const { clock, held, ours, server } = this.#options
    const { id } = model.definition
    if (held.get(runner.key) !== runner) return
    const deadline = new Deadline(clock, DRAIN_DEADLINE_MS)
    try {
      await runner.drained(deadline.signal, id)
    } catch (error) {
      const message = `${model.name} still answers ${DRAIN_DEADLINE_MS / 1_000} s after it was to be unloaded.`
      throw resourceError('unload-failed', message, { cause: error })
    } finally {
      deadline.end()
    }
    if (runner.models.size === 1) {
      // While it goes nobody looks whether it is still there, and new requests wait to be told that it is not.
      const isLeft = !runner.isOurs && UNHURRIED.has(reason)
      await runner.whileIdle(NEVER, () =>
        whereServed(() =>
          isLeft ? this.#handBack(runner, NEVER) : server.unload(model.name, runner.key, runner.process),
        ),
      )
      if (held.get(runner.key) === runner) held.delete(runner.key)
      ours.delete(runner.key)
    }
    runner.models.delete(id)
  }

  /** From 0.30 on: loads it again for the other kind of work, when nobody uses it. */
  async takeForm(runner: HeldRunner, form: RunnerForm, signal: AbortSignal): Promise<void> {
    if (this.#options.held.get(runner.key) !== runner || runner.serves(form)) return
    await runner.whileIdle(signal, () => this.#reload(runner, { form, signature: runner.signature }, signal))
  }

  /** What a model takes by now: its runner less what the other models on it were found to add. */
  async measure(runner: HeldRunner, { definition }: HeldModel): Promise<Footprint | undefined> {
    const [first, ...others] = runner.models.values()
    if (first?.definition.id !== definition.id) return undefined
    const resident = (await this.#options.server.residents()).get(runner.key)
    if (!resident) return undefined
    runner.note(resident)
    const { bytes, source } = await this.#whole(runner, definition)
    const besideBytes = others.reduce((sumBytes, { result }) => sumBytes + result.footprint.bytes, 0)
    return { bytes: Math.max(0, bytes - besideBytes), source }
  }

  /**
   * At the end: unloads what grym loaded, also what Ollama still lists after its process died, and gives Ollama's own
   * timer back to what somebody else had loaded. What fails is left as it is: there is nobody left to tell.
   */
  async giveBack(signal: AbortSignal): Promise<void> {
    const { held, ours, server } = this.#options
    const runners = [...held.values()]
    const names = [...ours]
    held.clear()
    ours.clear()
    const unloads = names.map(([key, name]) =>
      whereServed(() => server.unload(name, key, runners.find((runner) => runner.key === key)?.process)),
    )
    const others = runners.filter(({ isOurs }) => !isOurs)
    await Promise.allSettled([...unloads, ...others.map((runner) => this.#handBack(runner, signal))])
  }

  /** Gives Ollama's own timer back, where it still has the model: a touch of one that is gone would load it. */
  async #handBack({ key, name, form, signature }: HeldRunner, signal: AbortSignal): Promise<void> {
    const { clock, server } = this.#options
    const deadline = new Deadline(clock, HAND_BACK_DEADLINE_MS, signal)
    try {
      if (!(await server.residents(deadline.signal)).has(key)) return
      await server.load({ name, form, signature, keepAlive: OLLAMA_KEEP_ALIVE }, deadline.signal)
    } finally {
      deadline.end()
    }
  }

  async #start(
    definition: ModelDefinition,
    name: string,
    wanted: LoadSignature,
    placement: GpuPlacement | undefined,
    signal: AbortSignal,
  ): Promise<HeldRunner> {
    const { clock, connection, oomKills, ours, server } = this.#options
    const { engineKey } = definition
    const age = await connection.age(signal)
    const before = (await server.residents(signal)).get(engineKey)
    const isOurs = before === undefined || ours.has(engineKey)
    const signature = isOurs ? wanted : this.#besideOthers(wanted, before, age)
    const form: RunnerForm = definition.onlyEmbeds ? 'vectors' : 'answers'
    const runner = new HeldRunner(engineKey, { age, signature, form, isOurs, touchedAtMs: clock.nowMs() })
    await oomKills.mark()
    try {
      await this.#bringIn(runner, name, signal)
      if (placement && placement.layers > 0 && runner.sizeVramBytes === 0) throw noGpu(name)
    } catch (error) {
      if (mayBeLoaded(error)) await this.clear(runner, name)
      if (!(error instanceof ResourceError)) throw error
      const failure = asLoadFailure(error, placement !== undefined)
      const isUnnamed = failure.reason === 'model-load-failed'
      throw isUnnamed && (await oomKills.haveRisen()) ? killedForMemory(name, failure) : failure
    }
    if (isOurs) ours.set(engineKey, name)
    return runner
  }

  /** Has Ollama load the runner as it is written down, and notes what came of it. */
  async #bringIn(runner: HeldRunner, name: string, signal: AbortSignal): Promise<void> {
    const { clock, server } = this.#options
    const { key, form, signature } = runner
    runner.form = await server.load({ name, form, signature }, signal)
    runner.touchedAtMs = clock.nowMs()
    const resident = (await server.residents(signal)).get(key)
    if (!resident) {
      const message = `Ollama loaded ${name} and let go of it at once: something else takes its memory. Try again later.`
      throw resourceError('model-load-failed', message)
    }
    runner.note(resident)
    runner.process = await server.processOf(name)
  }

  /** Somebody else holds these weights: where their window is larger it is used, rather than that each takes it from the other. */
  #besideOthers(wanted: LoadSignature, { contextTokens = 0 }: ResidentModel, age: OllamaAge): LoadSignature {
    // From 0.30 on who says nothing of `shift` has another signature than grym in any case.
    if (age !== 'own-runner' || contextTokens <= wanted.contextTokens) return wanted
    this.#options.counters.reloadsAvoided++
    return { ...wanted, contextTokens }
  }

  async #join(runner: HeldRunner, wanted: LoadSignature, signal: AbortSignal): Promise<void> {
    const { signature, isReload, isReloadAvoided } = joinSignature(runner.signature, wanted)
    if (isReloadAvoided) this.#options.counters.reloadsAvoided++
    if (!isReload) return
    await runner.whileIdle(signal, () => this.#reload(runner, { form: runner.form, signature }, signal))
  }

  /** Loads it again in another way. When that fails it is gone, because Ollama lets go of the old one first. */
  async #reload(
    runner: HeldRunner,
    { form, signature }: Pick<HeldRunner, 'form' | 'signature'>,
    signal: AbortSignal,
  ): Promise<void> {
    const { counters, lose } = this.#options
    const { name } = runner
    counters.reloads++
    runner.form = form
    runner.signature = signature
    try {
      await this.#bringIn(runner, name, signal)
    } catch (error) {
      if (mayBeLoaded(error)) await this.clear(runner, name)
      lose(runner, 'taken', 'it was to be loaded again in another way, and that failed')
      throw error instanceof ResourceError ? asLoadFailure(error, false) : error
    }
    if (runner.form !== form) throw resourceError('generation-unsupported', `${name} only embeds. Ask another model.`)
  }

  /** All that a runner takes of this machine's RAM: none where Ollama runs on another one. */
  async #whole(runner: HeldRunner, definition: ModelDefinition): Promise<Footprint> {
    if (!this.#options.connection.isLoopback) return { bytes: 0, source: 'configured' }
    const measured = runner.process && (await measuredFootprint(this.#options.processMeter, runner.process))
    if (measured) return measured
    const sizeOnDiskBytes = await this.#options.models.sizeOnDiskBytes(definition.engineName ?? definition.id)
    return reportedFootprint(runner, sizeOnDiskBytes, definition.estimate)
  }

  /** After a load that came to nothing, or a process that hangs: whatever is left of it goes. What somebody else had loaded before stays. */
  async clear(runner: HeldRunner, name: string): Promise<void> {
    if (!runner.isOurs) return
    // Why it is of no use is what is told; if this fails as well, the next look at Ollama's list shows what is there.
    await this.#options.server.unload(name, runner.key, undefined).catch((error: unknown) => {
      if (!(error instanceof ResourceError)) throw error
    })
    this.#options.ours.delete(runner.key)
  }
}

/** A load that Ollama answered with a refusal left nothing; one that was left before its end may still come. */
function mayBeLoaded(error: unknown): boolean {
  return error instanceof ResourceError && LEFT_OPEN.has(error.reason)
}

const LEFT_OPEN: ReadonlySet<ErrorReason> = new Set([
  'request-cancelled',
  'engine-unreachable',
  'model-load-failed',
  'gpu-unusable',
])

function killedForMemory(name: string, cause: ResourceError): ResourceError {
  const message = `The kernel ended the process of ${name} for lack of memory while it loaded. Free memory or use a smaller context.`
  return resourceError('out-of-memory', message, { ...(cause.details && { details: cause.details }), cause })
}

function noGpu(name: string): ResourceError {
  const message = `Ollama put no layer of ${name} onto a GPU, though some were to lie there. Its own log says why.`
  return resourceError('gpu-unusable', message)
}

/** Where nobody listens any more, there is nothing to unload. */
async function whereServed(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof ResourceError) || error.details?.['code'] !== 'ECONNREFUSED') throw error
  }
}
