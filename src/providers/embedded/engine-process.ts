import { type ChildProcess, fork } from 'node:child_process'
import type { AnswerPart, GenerateRequest } from '../../spec/chat.ts'
import type { Clock } from '../../spec/clock.ts'
import { fromErrorData, type ResourceError, resourceError } from '../../spec/errors.ts'
import type { EngineOptions, ModelDefinition } from '../../spec/model.ts'
import type { EngineLossCause } from '../../spec/provider.ts'
import type { SaveReason } from '../../spec/state-cache.ts'
import type { StateSupport } from '../../spec/state-support.ts'
import type { ProcessMeter } from '../../spec/system.ts'
import type { CountedPrompt } from '../../spec/token-count.ts'
import { versionFolder } from './packages/engine-folder.ts'
import type { ThreadedEngine } from './thread-budget.ts'
import { type StuckFinding, Watchdog } from './watchdog.ts'
import { workerEntryPath } from './worker-entry.ts'
import type { StateEngine, StateMessage } from './embedded-states.ts'
import type { DeviceBuffers } from './worker/device-buffers.ts'
import type { FromWorker, GpuLoad, StateTerms, ToWorker } from './worker/protocol.ts'
import type { FoundState, StateAnswer, StateFacts } from './worker/state-messages.ts'

/** Longest text kept of what the engine printed last, for error messages. */
const MAX_LOG_CHARACTERS = 4_000

/** What a run is told while it goes on; exactly one of `end`, `cancelled`, `failed` comes last. */
export interface RunListener {
  part(part: AnswerPart): void
  end(message: Extract<FromWorker, { type: 'end' | 'embedded' }>): void
  cancelled(): void
  failed(error: ResourceError): void
}

export interface Loss {
  readonly cause: EngineLossCause
  readonly detail: string
}

export interface EngineProcessOptions {
  readonly clock: Clock
  readonly processMeter: ProcessMeter
  readonly compileCacheFolder: string
  /** Opens llama.cpp for the CPU before a model is asked for; such a process loads nothing onto GPUs. */
  readonly isForCpu: boolean
  /** Where packages of the engine lie that were installed apart, `<GRYM_HOME>/engines`. Default: nowhere. */
  readonly enginesFolder?: string
  /** The process is gone, asked to or not. */
  readonly onExited: () => void
  /** The process ended without being asked to; its runs are told right after. */
  readonly onLost: (loss: Loss) => void
  /** Only a context that was opened with terms for its states has anything to say about them. */
  readonly onState?: (message: StateMessage) => void
}

interface OpenedContext {
  readonly buffers: readonly DeviceBuffers[]
  readonly stateFacts: StateFacts | undefined
}

/** A message that is answered, before it gets its `callId`. */
type CallBody = ToWorker extends infer Message
  ? Message extends { callId: number }
    ? Omit<Message, 'callId'>
    : never
  : never

type Done = Extract<FromWorker, { type: 'done' }>

interface Call {
  resolve(done: Done): void
  reject(error: unknown): void
}

/** One child process with an engine in it: calls, runs, the watchdog, and what its end means. */
export class EngineProcess implements ThreadedEngine, StateEngine {
  readonly #options: EngineProcessOptions
  readonly #child: ChildProcess
  readonly #calls = new Map<number, Call>()
  readonly #runs = new Map<number, RunListener>()
  readonly #exited: Promise<void>
  readonly #oomKillsAtStart: Promise<number | undefined>
  readonly #watchdog: Watchdog
  #lastId = 0
  #log = ''
  #stuck: StuckFinding | undefined
  #loss: Loss = { cause: 'crashed', detail: 'ended' }
  #isEnding = false
  #isOver = false

  constructor(options: EngineProcessOptions) {
    this.#options = options
    this.#oomKillsAtStart = options.processMeter.oomKillCount()
    const { compileCacheFolder, isForCpu, enginesFolder } = options
    const installed = enginesFolder === undefined ? [] : [versionFolder(enginesFolder)]
    this.#child = fork(workerEntryPath(), [compileCacheFolder, isForCpu ? 'cpu' : 'any', ...installed], {
      serialization: 'advanced',
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => void this.#noteExit(code, signal).finally(resolve))
      this.#child.once('error', (error) => {
        this.#keepLog(error.message)
        if (this.#child.pid === undefined) void this.#noteExit(null, null).finally(resolve)
      })
    })
    this.#child.on('message', (message) => this.#receive(message as FromWorker))
    this.#child.stdout?.on('data', (data: Buffer) => this.#keepLog(data.toString('utf8')))
    this.#child.stderr?.on('data', (data: Buffer) => this.#keepLog(data.toString('utf8')))
    this.#watchdog = new Watchdog({
      clock: options.clock,
      ping: (sequence) => this.#send({ type: 'ping', sequence }),
      onStuck: (finding) => this.#replaceStuck(finding),
    })
    this.#unrefStreams()
    this.#holdParent()
    if (this.#child.pid !== undefined) void options.processMeter.preferAsOomVictim(this.#child.pid)
  }

  get isForCpu(): boolean {
    return this.#options.isForCpu
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get isOver(): boolean {
    return this.#isOver || this.#isEnding
  }

  /** What the engine printed last. */
  get log(): string {
    return this.#log.trim()
  }

  /** @returns what the weights took on GPUs. */
  async load(modelPath: string, cores: number, gpu: GpuLoad | null): Promise<readonly DeviceBuffers[]> {
    const { buffers = [] } = await this.#call({ type: 'load', modelPath, cores, vocabularyOnly: false, gpu })
    return buffers
  }

  /** Reads the tokenizer alone; the process then only counts. */
  async loadVocabulary(modelPath: string): Promise<void> {
    await this.#call({ type: 'load', modelPath, cores: 1, vocabularyOnly: true, gpu: null })
  }

  /**
   * @param states how its states are kept; absent = not at all, and nothing is told of them.
   * @returns what the contexts took on GPUs, and what their states hang on.
   */
  async openContext(definition: ModelDefinition, batchTokens: number, states?: StateTerms): Promise<OpenedContext> {
    const { id: contextId, contextTokens, parallel: slots, engine, checkpoints = 0 } = definition
    const context = { contextId, contextTokens, batchTokens, slots, checkpoints, engine, ...(states && { states }) }
    const { buffers = [], stateFacts } = await this.#call({ type: 'openContext', ...context })
    return { buffers, stateFacts }
  }

  /** Resolves when all that could be saved of this context is kept. */
  async saveStates(contextId: string, reason: SaveReason, saveId: number): Promise<void> {
    await this.#call({ type: 'saveStates', contextId, reason, saveId })
  }

  /** @returns tokens that are in a slot now; 0 = none was free. Rejects where the engine does not take it. */
  async fillSlot(contextId: string, state: FoundState): Promise<number> {
    const { tokens = 0 } = await this.#call({ type: 'fillSlot', contextId, state })
    return tokens
  }

  answerState(askId: number, answer: StateAnswer): void {
    this.#send({ type: 'stateAnswer', askId, answer })
  }

  async closeContext(contextId: string): Promise<void> {
    await this.#call({ type: 'closeContext', contextId })
  }

  async setThreads(threads: number): Promise<void> {
    await this.#call({ type: 'setThreads', threads })
  }

  /** Tokens of a prompt. @param template Jinja instead of the file's own. */
  async count(template: string | null, prompt: CountedPrompt): Promise<number> {
    const { tokens } = await this.#call({ type: 'count', template, prompt })
    if (tokens === undefined) throw resourceError('engine-error', 'The engine did not say how many tokens it counted.')
    return tokens
  }

  /** Whether a state can be saved and restored. @param folder where the file lies meanwhile. */
  async probeState(engine: EngineOptions, batchTokens: number, folder: string): Promise<StateSupport> {
    const { stateSupport } = await this.#call({ type: 'probeState', engine, batchTokens, folder })
    if (!stateSupport) throw resourceError('engine-error', 'The engine did not say what it found.')
    return stateSupport
  }

  /** Starts a run; returns the function that cancels it. */
  generate(contextId: string, request: GenerateRequest, listener: RunListener): () => void {
    return this.#run(listener, (runId) => ({ type: 'generate', runId, contextId, request }))
  }

  /** Starts a run that embeds; returns the function that cancels it. */
  embed(contextId: string, inputs: readonly string[], listener: RunListener): () => void {
    return this.#run(listener, (runId) => ({ type: 'embed', runId, contextId, inputs }))
  }

  /** Ends the process at once; resolves when it is gone. Not a loss: nobody is told. */
  async kill(): Promise<void> {
    this.#isEnding = true
    this.#holdParent()
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  #run(listener: RunListener, message: (runId: number) => ToWorker): () => void {
    const runId = ++this.#lastId
    if (this.isOver) {
      // Not before its loss was told: who hears of the failure first would take it for the request's own.
      void this.#exited.then(() => listener.failed(this.#lossError()))
      return () => {}
    }
    this.#runs.set(runId, listener)
    this.#holdParent()
    this.#send(message(runId))
    return () => this.#send({ type: 'cancel', runId })
  }

  #call(body: CallBody): Promise<Done> {
    if (this.isOver) {
      return this.#exited.then(() => {
        throw this.#lossError()
      })
    }
    const callId = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#calls.set(callId, { resolve, reject })
      this.#holdParent()
      this.#send({ ...body, callId })
    })
  }

  #send(message: ToWorker): void {
    // The callback takes the error of a channel that closed meanwhile: the exit event says the same, once.
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case 'pong':
        return this.#watchdog.notePong(message.sequence)
      case 'engineLog':
        return this.#keepLog(`${message.text}\n`)
      case 'done':
        return this.#takeCall(message.callId)?.resolve(message)
      case 'failed':
        return this.#takeCall(message.callId)?.reject(fromErrorData(message.error))
      case 'progress':
        return this.#watchdog.noteProgress(message.runId, message.phase, message.expectedMs)
      case 'stateAsk':
      case 'stateNote':
        return this.#options.onState?.(message)
      case 'part':
        return this.#runs.get(message.runId)?.part(message.part)
      case 'end':
      case 'embedded':
        return this.#takeRun(message.runId)?.end(message)
      case 'cancelled':
        return this.#takeRun(message.runId)?.cancelled()
      case 'runFailed':
        return this.#takeRun(message.runId)?.failed(fromErrorData(message.error))
    }
  }

  #takeCall(callId: number): Call | undefined {
    const call = this.#calls.get(callId)
    this.#calls.delete(callId)
    this.#holdParent()
    return call
  }

  #takeRun(runId: number): RunListener | undefined {
    const run = this.#runs.get(runId)
    this.#runs.delete(runId)
    this.#watchdog.noteRunOver(runId)
    this.#holdParent()
    return run
  }

  /** A template that does not end is its request's fault and told so; anything else is the engine's. */
  #replaceStuck(finding: StuckFinding): void {
    this.#stuck = finding
    if (finding.phase === 'render' && finding.runId !== undefined) {
      const message = `The model's own chat template did not finish within its deadline (${finding.detail}).`
      this.#takeRun(finding.runId)?.failed(resourceError('template-failed', message))
    }
    this.#child.kill('SIGKILL')
  }

  async #noteExit(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    this.#isOver = true
    this.#watchdog.stop()
    const wasAsked = this.#isEnding
    this.#loss = await this.#explainExit(code, signal)
    this.#options.onExited()
    if (!wasAsked) this.#options.onLost(this.#loss)
    const error = this.#lossError()
    for (const call of this.#calls.values()) call.reject(error)
    for (const run of this.#runs.values()) run.failed(error)
    this.#calls.clear()
    this.#runs.clear()
  }

  async #explainExit(code: number | null, signal: NodeJS.Signals | null): Promise<Loss> {
    if (this.#stuck) return { cause: 'stuck', detail: this.#stuck.detail }
    const detail = signal ? `signal ${signal}` : `exit code ${code ?? 'unknown'}`
    const before = await this.#oomKillsAtStart
    const after = await this.#options.processMeter.oomKillCount()
    const isOutOfMemory = signal === 'SIGKILL' && before !== undefined && after !== undefined && after > before
    return { cause: isOutOfMemory ? 'out-of-memory' : 'crashed', detail }
  }

  #lossError(): ResourceError {
    const { cause, detail } = this.#loss
    const reason = cause === 'stuck' ? 'engine-stuck' : 'engine-lost'
    return resourceError(reason, `The engine process ended (${detail}). Send the request again.`, {
      details: { cause, detail, log: this.log },
    })
  }

  #keepLog(text: string): void {
    this.#log = (this.#log + text).slice(-MAX_LOG_CHARACTERS)
  }

  /**
   * A library user's process may end while an engine is loaded (the worker ends with its channel), but not while an
   * answer of the engine is awaited.
   */
  #holdParent(): void {
    const isAwaited = this.#calls.size > 0 || this.#runs.size > 0 || this.#isEnding
    for (const handle of [this.#child, this.#child.channel]) {
      if (isAwaited) handle?.ref()
      else handle?.unref()
    }
  }

  #unrefStreams(): void {
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream && 'unref' in stream && typeof stream.unref === 'function') stream.unref()
    }
  }
}
