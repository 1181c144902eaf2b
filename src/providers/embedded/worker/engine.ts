import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { getLlama, type Llama, type LlamaContextOptions, LlamaLogLevel, type LlamaModel } from 'node-llama-cpp'
import { type ErrorData, resourceError, toErrorData } from '../../../spec/errors.ts'
import type { KvType } from '../../../spec/model.ts'
import { planAnswer } from './answer-plan.ts'
import { ChatTemplate } from './chat-template.ts'
import { Embedding } from './embedding.ts'
import { Generation } from './generation.ts'
import { GrammarCache } from './grammar-cache.ts'
import { PrefillPace } from './prefill-pace.ts'
import type { FromWorker, ToWorker } from './protocol.ts'
import { Slot } from './slot.ts'
import { tokenizePrompt } from './tokenize-prompt.ts'
import { WorkerThreads } from './worker-threads.ts'

interface Run {
  cancel(): void
}

/** What one model id has in this process: its template, and a slot for each request that it serves at once. */
interface ModelContext {
  readonly template: ChatTemplate
  readonly slots: Slot[]
}

/** The worker's side of the protocol: one file's weights, the contexts on them, the runs in those. */
export class Engine {
  readonly #llama: Llama
  readonly #send: (message: FromWorker) => void
  readonly #contexts = new Map<string, ModelContext>()
  readonly #runs = new Map<number, Run>()
  readonly #pace = new PrefillPace()
  readonly #grammars: GrammarCache
  readonly #threads: WorkerThreads
  #model: LlamaModel | undefined
  #cores = 1

  private constructor(llama: Llama, send: (message: FromWorker) => void) {
    this.#llama = llama
    this.#threads = new WorkerThreads(llama)
    this.#grammars = new GrammarCache(llama)
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
        return this.#answer(message.callId, this.#load(message))
      case 'openContext':
        return this.#answer(message.callId, this.#openContext(message))
      case 'closeContext':
        return this.#answer(message.callId, this.#closeContext(message.contextId))
      case 'setThreads':
        return this.#answer(message.callId, this.#setThreads(message.threads))
      case 'count':
        return this.#answer(message.callId, this.#count(message))
      case 'generate':
        return this.#generate(message)
      case 'embed':
        return this.#embed(message)
      case 'cancel':
        return this.#runs.get(message.runId)?.cancel()
    }
  }

  async #load({ modelPath, cores, vocabularyOnly }: Extract<ToWorker, { type: 'load' }>): Promise<void> {
    this.#cores = cores
    // Whether there is room was decided before this process was started; the library's own check would use the
    // memory of the whole host and knows no limit of a memory group.
    this.#model = await this.#llama.loadModel({
      modelPath,
      vocabOnly: vocabularyOnly,
      gpuLayers: 0,
      useMmap: true,
      ignoreMemorySafetyChecks: true,
    })
  }

  async #openContext(message: Extract<ToWorker, { type: 'openContext' }>): Promise<void> {
    const model = this.#need()
    const { contextId, slots, engine } = message
    const context: ModelContext = { template: ChatTemplate.of(model, engine.template), slots: [] }
    try {
      for (let index = 0; index < slots; index++) context.slots.push(await this.#openSlot(model, message))
    } catch (error) {
      await Promise.all(context.slots.map((slot) => slot.dispose()))
      throw error
    }
    this.#contexts.set(contextId, context)
  }

  async #openSlot(
    model: LlamaModel,
    { contextTokens, batchTokens, engine }: Extract<ToWorker, { type: 'openContext' }>,
  ): Promise<Slot> {
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
      ...kvOptions(engine.kvType),
      ...(engine.loras.length > 0 && {
        lora: { adapters: engine.loras.map(({ path, scale }) => ({ filePath: path, scale })) },
      }),
    })
    assert.equal(context.idealThreads, this.#cores, 'the context does not get the threads it should')
    this.#llama.maxThreads = allowedThreads
    return new Slot(context, contextTokens)
  }

  async #closeContext(contextId: string): Promise<void> {
    const context = this.#contexts.get(contextId)
    this.#contexts.delete(contextId)
    await Promise.all(context?.slots.map((slot) => slot.dispose()) ?? [])
  }

  async #count({ template, messages }: Extract<ToWorker, { type: 'count' }>): Promise<number> {
    const model = this.#need()
    const { prompt } = planAnswer({ messages }, ChatTemplate.of(model, template))
    return tokenizePrompt(model, prompt).length
  }

  async #setThreads(threads: number): Promise<void> {
    this.#threads.setShare(threads)
    const slots = [...this.#contexts.values()].flatMap((context) => context.slots)
    await Promise.all(slots.map((slot) => slot.sliceOver()))
  }

  #generate({ runId, contextId, request }: Extract<ToWorker, { type: 'generate' }>): void {
    const model = this.#need()
    const context = this.#contexts.get(contextId)
    if (!context) return this.#send({ type: 'runFailed', runId, error: noContext(contextId) })
    const [grammars, pace, threads, send] = [this.#grammars, this.#pace, this.#threads, this.#send]
    const { template, slots } = context
    const run = new Generation({ model, template, slots, request, grammars, pace, threads, runId, send })
    this.#follow(runId, run, run.run())
  }

  #embed({ runId, contextId, inputs }: Extract<ToWorker, { type: 'embed' }>): void {
    const model = this.#need()
    if (!this.#contexts.has(contextId)) return this.#send({ type: 'runFailed', runId, error: noContext(contextId) })
    const run = new Embedding({ model, inputs, cores: this.#cores, runId, send: this.#send })
    this.#follow(runId, run, run.run())
  }

  #follow(runId: number, run: Run, over: Promise<void>): void {
    this.#runs.set(runId, run)
    void over.finally(() => this.#runs.delete(runId))
  }

  #need(): LlamaModel {
    if (!this.#model) throw resourceError('engine-error', 'The worker has no model yet.')
    return this.#model
  }

  #answer(callId: number, work: Promise<number | void>): void {
    work.then(
      (value) => this.#send({ type: 'done', callId, ...(value !== undefined && { value }) }),
      async (error: unknown) => {
        await delay(LOG_DELAY_MS)
        this.#send({ type: 'failed', callId, error: toErrorData(error) })
      },
    )
  }
}

/** The library hands over what llama.cpp printed a little after the call has failed, and that text says why. */
const LOG_DELAY_MS = 50

function noContext(contextId: string): ErrorData {
  return { reason: 'engine-error', message: `The worker has no context '${contextId}'. Send the request again.` }
}

/** Quantised values need flash attention (llama.cpp, `llama_init_from_model`: "V cache quantization requires flash_attn"). */
function kvOptions(kvType: KvType): LlamaContextOptions {
  if (kvType === 'f16') return {}
  const type = kvType.toUpperCase() as 'F32' | 'Q8_0' | 'Q4_0'
  return {
    experimentalKvCacheKeyType: type,
    experimentalKvCacheValueType: type,
    ...(kvType !== 'f32' && { flashAttention: true }),
  }
}
