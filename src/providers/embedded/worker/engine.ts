import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { getLlama, type Llama, LlamaLogLevel, type LlamaModel } from 'node-llama-cpp'
import { type ErrorData, resourceError, toErrorData } from '../../../spec/errors.ts'
import { ChatTemplate } from './chat-template.ts'
import { Generation } from './generation.ts'
import { PrefillPace } from './prefill-pace.ts'
import type { FromWorker, ToWorker } from './protocol.ts'
import { Slot } from './slot.ts'
import { WorkerThreads } from './worker-threads.ts'

interface Loaded {
  readonly model: LlamaModel
  readonly template: ChatTemplate
}

/** The worker's side of the protocol: one model, its slots, the runs on them. */
export class Engine {
  readonly #llama: Llama
  readonly #send: (message: FromWorker) => void
  readonly #slots = new Map<string, Slot>()
  readonly #runs = new Map<number, Generation>()
  readonly #pace = new PrefillPace()
  readonly #threads: WorkerThreads
  #loaded: Loaded | undefined
  #cores = 1

  private constructor(llama: Llama, send: (message: FromWorker) => void) {
    this.#llama = llama
    this.#threads = new WorkerThreads(llama)
    this.#send = send
  }

  static async start(send: (message: FromWorker) => void): Promise<Engine> {
    const llama = await getLlama({
      build: 'never',
      skipDownload: true,
      gpu: false,
      maxThreads: 1,
      logLevel: LlamaLogLevel.error,
      logger: (_level, text) => send({ type: 'engineLog', text }),
    })
    return new Engine(llama, send)
  }

  receive(message: ToWorker): void {
    switch (message.type) {
      case 'ping':
        return this.#send({ type: 'pong', sequence: message.sequence })
      case 'load':
        return this.#answer(message.callId, this.#load(message.modelPath, message.cores))
      case 'openContext':
        return this.#answer(message.callId, this.#openContext(message))
      case 'closeContext':
        return this.#answer(message.callId, this.#closeContext(message.contextId))
      case 'setThreads':
        return this.#answer(message.callId, this.#setThreads(message.threads))
      case 'generate':
        return this.#generate(message)
      case 'cancel':
        return this.#runs.get(message.runId)?.cancel()
    }
  }

  async #load(modelPath: string, cores: number): Promise<void> {
    this.#cores = cores
    // Whether there is room was decided before this process was started; the library's own check would use the
    // memory of the whole host and knows no limit of a memory group.
    const model = await this.#llama.loadModel({
      modelPath,
      gpuLayers: 0,
      useMmap: true,
      ignoreMemorySafetyChecks: true,
    })
    this.#loaded = { model, template: ChatTemplate.of(model) }
  }

  async #openContext(message: Extract<ToWorker, { type: 'openContext' }>): Promise<void> {
    const { model } = this.#need()
    const { contextId, contextTokens, batchTokens } = message
    // A context never uses more threads than were allowed when it was made; how many it uses is said before each run.
    const allowedThreads = this.#llama.maxThreads
    this.#llama.maxThreads = this.#cores
    const context = await model.createContext({
      contextSize: contextTokens,
      batchSize: Math.min(batchTokens, contextTokens),
      sequences: 1,
      threads: { ideal: this.#cores, min: 1 },
      ignoreMemorySafetyChecks: true,
      failedCreationRemedy: false,
    })
    assert.equal(context.idealThreads, this.#cores, 'the context does not get the threads it should')
    this.#llama.maxThreads = allowedThreads
    this.#slots.set(contextId, new Slot(context, contextTokens))
  }

  async #closeContext(contextId: string): Promise<void> {
    const slot = this.#slots.get(contextId)
    this.#slots.delete(contextId)
    await slot?.dispose()
  }

  async #setThreads(threads: number): Promise<void> {
    this.#threads.setShare(threads)
    await Promise.all([...this.#slots.values()].map((slot) => slot.sliceOver()))
  }

  #generate({ runId, contextId, request }: Extract<ToWorker, { type: 'generate' }>): void {
    const { model, template } = this.#need()
    const slot = this.#slots.get(contextId)
    if (!slot) return this.#send({ type: 'runFailed', runId, error: noSlot(contextId) })
    const [pace, threads, send] = [this.#pace, this.#threads, this.#send]
    const run = new Generation({ model, template, slot, request, pace, threads, runId, send })
    this.#runs.set(runId, run)
    void slot.inTurn(() => run.run()).finally(() => this.#runs.delete(runId))
  }

  #need(): Loaded {
    if (!this.#loaded) throw resourceError('engine-error', 'The worker has no model yet.')
    return this.#loaded
  }

  #answer(callId: number, work: Promise<void>): void {
    work.then(
      () => this.#send({ type: 'done', callId }),
      async (error: unknown) => {
        await delay(LOG_DELAY_MS)
        this.#send({ type: 'failed', callId, error: toErrorData(error) })
      },
    )
  }
}

/** The library hands over what llama.cpp printed a little after the call has failed, and that text says why. */
const LOG_DELAY_MS = 50

function noSlot(contextId: string): ErrorData {
  return { reason: 'engine-error', message: `The worker has no context '${contextId}'. Send the request again.` }
}
