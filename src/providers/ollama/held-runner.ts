import type { ResourceError } from '../../spec/errors.ts'
import type { EngineKey, ModelDefinition, ModelId } from '../../spec/model.ts'
import type { LoadResult } from '../../spec/provider.ts'
import type { RunnerProcess } from '../../system/ollama-runners.ts'
import type { LoadSignature } from './load-signature.ts'
import type { OllamaAge } from './ollama-age.ts'
import type { ResidentModel, ShownModel } from './ollama-replies.ts'
import { orGivenUp } from '../giving-up.ts'

/** What a runner was loaded for: from 0.30 on it is loaded again when the other thing is asked of it. */
export type RunnerForm = 'answers' | 'vectors'

/** A model of grym's on a runner. */
export interface HeldModel {
  readonly definition: ModelDefinition
  /** What Ollama calls it. */
  readonly name: string
  readonly shown: ShownModel | undefined
  result: LoadResult
  /** It is about to be unloaded: no new request comes to it. */
  isLeaving: boolean
}

/** A request that uses a runner, or waits for nothing else. */
export interface RunnerUse {
  readonly modelId: ModelId
  /** Closes its connection. */
  readonly stop: AbortController
  /** Why it was ended from here. */
  lost?: ResourceError
  leave(): void
}

/** Weights that Ollama holds in memory for grym: how they were loaded, and who uses them. */
export class HeldRunner {
  readonly key: EngineKey
  /** Of the Ollama that loaded it. */
  readonly age: OllamaAge
  signature: LoadSignature
  form: RunnerForm
  /** Window of a slot as Ollama tells it, which may be smaller than what was asked for. */
  contextTokens: number
  /** What it takes by Ollama's word, and the part of it that lies on GPUs. */
  sizeBytes = 0
  sizeVramBytes = 0
  /** Where it can be seen. */
  process: RunnerProcess | undefined
  /** False where somebody else had loaded it before, who may go on using it. */
  isOurs: boolean
  readonly models: Map<ModelId, HeldModel> = new Map()
  /** When Ollama last began to count down the time that it keeps it. */
  touchedAtMs: number
  /** Changes with each use that begins or ends: what was seen of an idle runner holds while this stays the same. */
  activity = 0
  readonly #uses = new Set<RunnerUse>()
  #listeners: (() => void)[] = []
  #change: Promise<void> | undefined

  constructor(key: EngineKey, begin: Pick<HeldRunner, 'age' | 'signature' | 'form' | 'isOurs' | 'touchedAtMs'>) {
    this.key = key
    this.age = begin.age
    this.signature = begin.signature
    this.form = begin.form
    this.contextTokens = begin.signature.contextTokens
    this.isOurs = begin.isOurs
    this.touchedAtMs = begin.touchedAtMs
  }

  get isIdle(): boolean {
    return this.#uses.size === 0 && this.#change === undefined
  }

  /** Takes over what `/api/ps` says of it. */
  note({ contextTokens, sizeBytes, sizeVramBytes }: ResidentModel): void {
    this.contextTokens = contextTokens ?? this.signature.contextTokens
    this.sizeBytes = sizeBytes
    this.sizeVramBytes = sizeVramBytes
  }

  /** Whether it can be asked for this without being loaded again. */
  serves(form: RunnerForm): boolean {
    return this.form === form || this.age === 'own-runner'
  }

  /** Settles when the load under way is over; `undefined` when there is none. */
  get change(): Promise<void> | undefined {
    return this.#change
  }

  get uses(): readonly RunnerUse[] {
    return [...this.#uses]
  }

  /** Any of its names, to speak of it with Ollama. */
  get name(): string {
    const [first] = this.models.values()
    return first?.name ?? ''
  }

  /** Counts one more request. Only while nothing changes. */
  use(modelId: ModelId, stop: AbortController): RunnerUse {
    const use: RunnerUse = {
      modelId,
      stop,
      leave: () => {
        if (!this.#uses.delete(use)) return
        this.activity++
        for (const listener of this.#listeners.splice(0)) listener()
      },
    }
    this.#uses.add(use)
    this.activity++
    return use
  }

  /** Resolves when no request uses it, or none of one model; new ones may come meanwhile unless they are kept away. */
  async drained(signal: AbortSignal, modelId?: ModelId): Promise<void> {
    const isUsed = (): boolean => this.uses.some((use) => modelId === undefined || use.modelId === modelId)
    while (isUsed()) await orGivenUp(new Promise<void>((resolve) => this.#listeners.push(resolve)), signal)
  }

  /** Does work on a runner that nobody uses: new requests wait for its end. */
  async whileIdle<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#change = promise
    try {
      await this.drained(signal)
      return await work()
    } finally {
      this.#change = undefined
      this.activity++
      resolve()
    }
  }
}
