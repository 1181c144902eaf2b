import type { Clock } from '../../spec/clock.ts'
import { ResourceError, resourceError } from '../../spec/errors.ts'
import type { EngineKey } from '../../spec/model.ts'
import type { RunnerFinder, RunnerProcess } from '../../system/ollama-runners.ts'
import { Deadline } from './deadline.ts'
import type { RunnerForm } from './held-runner.ts'
import { CONSTANT_FIELDS, type LoadSignature, runnerOptions } from './load-signature.ts'
import type { OllamaConnection } from './ollama-connection.ts'
import type { OllamaModels } from './ollama-models.ts'
import { ollamaNameKey } from '../../spec/ollama-name.ts'
import { readResidents, type ResidentModel } from './ollama-replies.ts'
import { pause } from '../giving-up.ts'

/**
 * How long Ollama is told to keep a model. grym unloads by its own timers, long before; this is for the case that it
 * cannot. Not for ever: after a crash of grym that would keep the memory until somebody notices. And long, because
 * Ollama lets go of the model with the shortest time first when it needs room, whoever used it last.
 */
export const KEEP_ALIVE = '24h'
export const KEEP_ALIVE_MS: number = 24 * 3_600_000
/** Ollama's own default, given back to a model that somebody else had loaded. */
export const OLLAMA_KEEP_ALIVE = '5m'

/** A backstop: who asks for a load gives it up long before, and Ollama after 5 minutes of standing still. */
const LOAD_DEADLINE_MS = 3_600_000
/** Until a model that was let go has left memory; a request of another client under way keeps it so long. */
const UNLOAD_DEADLINE_MS = 30_000
/** Between two looks whether it has: a swap waits for it. It takes 70 to 110 ms; a look costs Ollama 1 to 2 ms (measured). */
const LOOK_AGAIN_MS = 10
const PS_DEADLINE_MS = 5_000
/** Digests remembered of models in memory. */
const MAX_KEYS = 1_000

/** How a model is to come into memory. */
export interface LoadWish {
  readonly name: string
  readonly form: RunnerForm
  readonly signature: LoadSignature
  readonly keepAlive?: string
}

export interface OllamaServerOptions {
  readonly connection: OllamaConnection
  readonly models: OllamaModels
  readonly clock: Clock
  /** Absent where the server's processes cannot be seen. */
  readonly runners: RunnerFinder | undefined
}

/** Ollama's memory: what is in it, and how it comes and goes. */
export class OllamaServer {
  readonly #options: OllamaServerOptions
  /** Weights by the digest of the manifest that `/api/ps` tells. */
  readonly #keys = new Map<string, EngineKey>()

  constructor(options: OllamaServerOptions) {
    this.#options = options
  }

  /** Tells which weights a name stands for, as grym knows it. */
  learn(name: string, key: EngineKey): void {
    if (this.#keys.size >= MAX_KEYS) this.#keys.clear()
    this.#keys.set(ollamaNameKey(name), key)
  }

  /** What is in memory or on its way there, by its weights. */
  async residents(signal?: AbortSignal): Promise<ReadonlyMap<EngineKey, ResidentModel>> {
    const call = { deadlineMs: PS_DEADLINE_MS, ...(signal && { signal }) }
    const listed = readResidents(await this.#options.connection.get('/api/ps', call))
    const byKey = new Map<EngineKey, ResidentModel>()
    for (const resident of listed) {
      const key = await this.#keyOf(resident)
      if (key !== undefined) byKey.set(key, resident)
    }
    return byKey
  }

  /**
   * Brings a model into memory, or makes Ollama count its time anew where it is there already.
   * @returns what it was loaded for: a model that only embeds cannot be loaded for answers.
   */
  async load(wish: LoadWish, signal: AbortSignal): Promise<RunnerForm> {
    const { name, form, signature, keepAlive = KEEP_ALIVE } = wish
    const common = { model: name, keep_alive: keepAlive, options: runnerOptions(signature) }
    const call = { signal, deadlineMs: LOAD_DEADLINE_MS, model: name }
    if (form === 'vectors') {
      await this.#options.connection.post('/api/embed', { ...common, input: [], truncate: false }, call)
      return 'vectors'
    }
    try {
      await this.#options.connection.post('/api/generate', { ...common, ...CONSTANT_FIELDS, stream: false }, call)
      return 'answers'
    } catch (error) {
      if (!(error instanceof ResourceError) || error.reason !== 'generation-unsupported') throw error
      return this.load({ ...wish, form: 'vectors' }, signal)
    }
  }

  /**
   * Lets go of a model and waits until its memory is given back: it has left the list, and its process has ended where
   * that can be seen. Rejects with `unload-failed` when that takes too long.
   */
  async unload(name: string, key: EngineKey, process: RunnerProcess | undefined): Promise<void> {
    const { clock, connection } = this.#options
    const deadline = new Deadline(clock, UNLOAD_DEADLINE_MS)
    const { signal } = deadline
    try {
      await connection.post('/api/generate', { model: name, keep_alive: 0, stream: false }, { signal, model: name })
      while (!(await this.#isGone(name, key, process, signal))) await pause(clock, LOOK_AGAIN_MS, signal)
    } catch (error) {
      if (!deadline.hasPassed) throw error
      const message = `Ollama still holds ${name} ${UNLOAD_DEADLINE_MS / 1_000} s after it was told to let go. Another program may be using it.`
      throw resourceError('unload-failed', message, { cause: error })
    } finally {
      deadline.end()
    }
  }

  /** The process of these weights, where it can be seen. */
  async processOf(name: string): Promise<RunnerProcess | undefined> {
    const { models, runners } = this.#options
    const path = runners && (await models.describe(name))?.weightsPath
    return path === undefined ? undefined : runners?.find(path)
  }

  async #isGone(
    name: string,
    key: EngineKey,
    process: RunnerProcess | undefined,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { runners } = this.#options
    if (process && runners?.isAlive(process)) return false
    if (!(await this.residents(signal)).has(key)) return true
    // Listed, though the process is gone: somebody else may have loaded the same weights since, in another one.
    return process !== undefined && (await this.processOf(name)) !== undefined
  }

  async #keyOf({ name, digest }: ResidentModel): Promise<EngineKey | undefined> {
    const known = this.#keys.get(ollamaNameKey(name)) ?? this.#keys.get(digest)
    if (known !== undefined) return known
    const key = await this.#options.models.engineKeyOf(name)
    if (key !== undefined && this.#keys.size < MAX_KEYS) this.#keys.set(digest, key)
    return key
  }
}
