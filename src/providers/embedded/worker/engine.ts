import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { type Llama, type LlamaContextOptions, type LlamaModel } from 'node-llama-cpp'
import { type ErrorData, resourceError, toErrorData } from '../../../spec/errors.ts'
import type { KvType } from '../../../spec/model.ts'
import { planAnswer } from './answer-plan.ts'
import { ChatTemplate } from './chat-template.ts'
import { type DeviceBuffers, DeviceBufferSum } from './device-buffers.ts'
import { Embedding } from './embedding.ts'
import { Generation } from './generation.ts'
import { GrammarCache } from './grammar-cache.ts'
import { HostAsks } from './host-asks.ts'
import { openLibrary } from './library.ts'
import { PrefillPace } from './prefill-pace.ts'
import type { FromWorker, GpuLoad, StateTerms, ToWorker } from './protocol.ts'
import { Slot } from './slot.ts'
import { SlotStates } from './slot-states.ts'
import { engineVersion, stateFacts } from './state-facts.ts'
import { PROBE_CONTEXT_TOKENS, probeState } from './state-probe.ts'
import { tokenizePrompt } from './tokenize-prompt.ts'
import { WorkerThreads } from './worker-threads.ts'

/** What a call gives beside that it is done. */
type Done = Omit<Extract<FromWorker, { type: 'done' }>, 'type' | 'callId'>

interface Run {
  cancel(): void
}

type SlotOptions = Pick<
  Extract<ToWorker, { type: 'openContext' }>,
  'contextTokens' | 'batchTokens' | 'checkpoints' | 'engine'
>

/** What one model id has in this process: its template, and a slot for each request that it serves at once. */
interface ModelContext {
  readonly template: ChatTemplate
  readonly slots: Slot[]
  readonly grammars: GrammarCache
  /** Absent = its states are not kept on disk. */
  readonly states: SlotStates | undefined
}

/** llama.cpp, once it is opened. */
interface Library {
  readonly llama: Llama
  readonly grammars: GrammarCache
}

/** The worker's side of the protocol: one file's weights, the contexts on them, the runs in those. */
export class Engine {
  readonly #send: (message: FromWorker) => void
  readonly #contexts = new Map<string, ModelContext>()
  readonly #runs = new Map<number, Run>()
  readonly #pace = new PrefillPace()
  readonly #threads = new WorkerThreads()
  readonly #asks: HostAsks
  readonly #buffers = new DeviceBufferSum()
  #library: Promise<Library> | undefined
  #model: LlamaModel | undefined
  #cores = 1

  constructor(send: (message: FromWorker) => void) {
    this.#send = send
    this.#asks = new HostAsks(send)
  }

  /** Opens llama.cpp for the CPU before a model is asked for: half of a load's time is over then. Rejects as a load does. */
  async prepare(): Promise<void> {
    await this.#open(null)
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
      case 'probeState':
        return this.#answer(message.callId, this.#probeState(message))
      case 'saveStates':
        return this.#answer(message.callId, this.#saveStates(message))
      case 'fillSlot':
        return this.#answer(message.callId, this.#fillSlot(message))
      case 'stateAnswer':
        return this.#asks.receive(message.askId, message.answer)
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

  #open(gpu: GpuLoad | null): Promise<Library> {
    this.#library ??= openLibrary(gpu, {
      fault: (text) => this.#send({ type: 'engineLog', text }),
      note: (text) => this.#buffers.note(text),
    }).then((llama) => {
      this.#threads.attach(llama)
      return { llama, grammars: new GrammarCache(llama) }
    })
    return this.#library
  }

  async #load({ modelPath, cores, vocabularyOnly, gpu }: Extract<ToWorker, { type: 'load' }>): Promise<Done> {
    this.#cores = cores
    const { llama } = await this.#open(gpu)
    // Whether there is room was decided before this process was started; the library's own check would use the
    // memory of the whole host and knows no limit of a memory group.
    this.#model = await llama.loadModel({
      modelPath,
      vocabOnly: vocabularyOnly,
      gpuLayers: gpu?.layers ?? 0,
      useMmap: true,
      ignoreMemorySafetyChecks: true,
    })
    assert.equal(this.#model.gpuLayers, gpu?.layers ?? 0, 'the layers do not lie where they should')
    return { buffers: await this.#takeBuffers(gpu !== null) }
  }

  async #openContext(message: Extract<ToWorker, { type: 'openContext' }>): Promise<Done> {
    const model = this.#need()
    const { llama, grammars } = await this.#opened()
    const { contextId, slots, engine } = message
    const states = message.states && this.#statesOf(contextId, message.states)
    const context: ModelContext = { template: ChatTemplate.of(model, engine.template), slots: [], grammars, states }
    try {
      for (let index = 0; index < slots; index++) context.slots.push(await this.#openSlot(llama, model, message))
    } catch (error) {
      await Promise.all(context.slots.map((slot) => slot.dispose()))
      throw error
    }
    this.#contexts.set(contextId, context)
    const buffers = await this.#takeBuffers(model.gpuLayers > 0)
    const [first] = context.slots
    return {
      buffers,
      ...(states && first && { stateFacts: await stateFacts(llama, first.sequence, context.template) }),
    }
  }

  #statesOf(contextId: string, { tokensPerMs, restoreCostMs }: StateTerms): SlotStates {
    return new SlotStates({
      host: this.#asks.hostOf(contextId),
      // What was measured before covers more text than the little that was read since.
      tokensPerMs: () => tokensPerMs ?? this.#pace.averageTokensPerMs,
      restoreCostMs,
    })
  }

  async #saveStates({ contextId, reason, saveId }: Extract<ToWorker, { type: 'saveStates' }>): Promise<void> {
    const { slots, states } = this.#contexts.get(contextId) ?? { slots: [] }
    if (!states) return
    // Where others go on meanwhile, a slot at work is saved after its own answer.
    const quiet = slots.filter(({ waiting }) => reason !== 'rhythm' || slots.length === 1 || waiting === 0)
    const saving = quiet.map((slot) => slot.aside(() => states.save(slot, reason, saveId)))
    for (const saved of await Promise.all(saving)) await saved.kept
  }

  async #fillSlot({ contextId, state }: Extract<ToWorker, { type: 'fillSlot' }>): Promise<Done> {
    const { slots, states } = this.#contexts.get(contextId) ?? { slots: [] }
    const slot = slots.find(({ waiting, sequence }) => waiting === 0 && sequence.nextTokenIndex === 0)
    if (!states || !slot) return { tokens: 0 }
    return slot.aside(async () => {
      // A prompt came first: what it left is not to be lost.
      if (slot.sequence.nextTokenIndex > 0) return { tokens: 0 }
      await states.fill(slot, state)
      return { tokens: state.tokens.length }
    })
  }

  /** What was taken on GPUs since the last time: the library hands over what llama.cpp printed a little later. */
  async #takeBuffers(isOnGpu: boolean): Promise<readonly DeviceBuffers[]> {
    if (!isOnGpu) return []
    await delay(LOG_DELAY_MS)
    return this.#buffers.take()
  }

  async #openSlot(
    llama: Llama,
    model: LlamaModel,
    { contextTokens, batchTokens, checkpoints, engine }: SlotOptions,
  ): Promise<Slot> {
    // A context never uses more threads than were allowed when it was made; how many it uses is said before each run.
    const allowedThreads = llama.maxThreads
    llama.maxThreads = this.#cores
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
    llama.maxThreads = allowedThreads
    return new Slot(context, contextTokens, checkpoints)
  }

  async #probeState({ folder, batchTokens, engine }: Extract<ToWorker, { type: 'probeState' }>): Promise<Done> {
    const model = this.#need()
    const { llama } = await this.#opened()
    const options: SlotOptions = { contextTokens: PROBE_CONTEXT_TOKENS, batchTokens, checkpoints: 0, engine }
    const stateSupport = await probeState({
      openSlot: () => this.#openSlot(llama, model, options),
      folder,
      engineVersion: await engineVersion(),
      kvType: engine.kvType,
    })
    // What these contexts took is given back already.
    await this.#takeBuffers(model.gpuLayers > 0)
    return { stateSupport }
  }

  async #closeContext(contextId: string): Promise<void> {
    const context = this.#contexts.get(contextId)
    this.#contexts.delete(contextId)
    await Promise.all(context?.slots.map((slot) => slot.dispose()) ?? [])
  }

  async #count({ template, prompt: asked }: Extract<ToWorker, { type: 'count' }>): Promise<Done> {
    const model = this.#need()
    const { prompt } = planAnswer(asked, ChatTemplate.of(model, template))
    return { tokens: tokenizePrompt(model, prompt).length }
  }

  async #setThreads(threads: number): Promise<void> {
    await this.#library
    this.#threads.setShare(threads)
    const slots = [...this.#contexts.values()].flatMap((context) => context.slots)
    await Promise.all(slots.map((slot) => slot.sliceOver()))
  }

  #generate({ runId, contextId, request }: Extract<ToWorker, { type: 'generate' }>): void {
    const model = this.#need()
    const context = this.#contexts.get(contextId)
    if (!context) return this.#send({ type: 'runFailed', runId, error: noContext(contextId) })
    const [pace, threads, send] = [this.#pace, this.#threads, this.#send]
    const { template, slots, grammars, states } = context
    const run = new Generation({ model, template, slots, request, grammars, pace, threads, states, runId, send })
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

  /** The library that the model was loaded with. */
  #opened(): Promise<Library> {
    if (!this.#library) throw noModel()
    return this.#library
  }

  #need(): LlamaModel {
    if (!this.#model) throw noModel()
    return this.#model
  }

  #answer(callId: number, work: Promise<Done | void>): void {
    work.then(
      (done) => this.#send({ type: 'done', callId, ...done }),
      async (error: unknown) => {
        await delay(LOG_DELAY_MS)
        this.#send({ type: 'failed', callId, error: toErrorData(error) })
      },
    )
  }
}

/** The library hands over what llama.cpp printed a little after a call is over. Where it failed that text says why. */
const LOG_DELAY_MS = 50

function noModel(): Error {
  return resourceError('engine-error', 'The worker has no model yet.')
}

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
