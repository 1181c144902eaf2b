import { AnswerChannel } from '../../src/spec/answer-channel.ts'
import { Manager } from '../../src/manager/manager.ts'
import type { GenerateChunk } from '../../src/spec/chat.ts'
import { resourceError, toErrorData } from '../../src/spec/errors.ts'
import type { GpuPlacement } from '../../src/spec/gpu-placement.ts'
import type { JournalEntry } from '../../src/spec/journal.ts'
import type { ModelDefinition } from '../../src/spec/model.ts'
import type { LoadResult } from '../../src/spec/provider.ts'
import { ScriptedProvider } from '../../src/testing/scripted-provider.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { QUIET_AFTER_MS, SPARE_END_MS } from './core-driver.ts'
import { SimulatedEngines } from './engines.ts'
import { Machine } from './machine.ts'
import type { Act, Scenario } from './scenario.ts'
import { START_MS, withWindow } from './scenario.ts'
import { noDescription } from '../support/no-description.ts'

type Asking = Extract<Act, { type: 'ask' }>

/** Runs a scenario through the real {@link Manager}: promises, abort signals, channels, the sampler and all. */
export class ManagerDriver {
  readonly journal: JournalEntry[] = []
  /** How each call ended for its caller; each is written once. */
  readonly outcomes: Map<string, string> = new Map<string, string>()
  readonly #scenario: Scenario
  readonly #clock = new VirtualClock(START_MS)
  readonly #machine: Machine
  readonly #engines: SimulatedEngines
  readonly #provider: ScriptedProvider
  #nextRequestId = ''

  constructor(scenario: Scenario) {
    this.#scenario = scenario
    this.#machine = new Machine(scenario)
    this.#engines = new SimulatedEngines(scenario, this.#clock, this.#machine)
    this.#provider = new ScriptedProvider('local', {
      load: (definition, signal, placement) => this.#load(definition, signal, placement),
      unload: (definition) => this.#unload(definition),
      generate: (definition, request, signal) => this.#generate(definition, request.messages[0]?.content ?? '', signal),
      // The core alone measures nothing again; here it must not either, or the journals could not be the same.
      measure: async () => undefined,
      dropSpare: () => void this.#clock.setTimer(SPARE_END_MS, () => this.#setSpare(0)),
      dispose: () => this.#engines.endAll(),
    })
    this.#engines.onLost = (engineKey, cause) => this.#provider.lose({ engineKey, cause, detail: 'simulated' })
  }

  async run(): Promise<JournalEntry[]> {
    const manager = await Manager.start({
      clock: this.#clock,
      providers: { local: this.#provider },
      catalog: {
        resolve: async (name, larger) => {
          const definition = this.#definition(name ?? '')
          return larger ? withWindow(definition, larger.leastContextTokens) : definition
        },
        list: async () => [],
        about: noDescription,
      },
      meter: { read: async () => this.#machine.read(this.#clock.nowMs()) },
      settings: this.#scenario.settings,
      identity: { version: 'test', instanceId: 'test', pid: 1, cores: 2 },
      newRequestId: () => this.#nextRequestId,
      onDecision: (entry) => this.journal.push(entry),
      onFault: (error) => {
        throw error
      },
    })
    for (const act of this.#scenario.acts) this.#clock.setTimer(act.atMs - START_MS, () => this.#act(manager, act))
    const sleepMs = this.#scenario.acts.reduce((sumMs, act) => sumMs + (act.type === 'sleep' ? act.gapMs : 0), 0)
    await this.#clock.advanceTo(this.#scenario.endAtMs + QUIET_AFTER_MS + sleepMs)
    return this.journal
  }

  #act(manager: Manager, act: Act): void {
    switch (act.type) {
      case 'ask':
        return this.#ask(manager, act)
      case 'unload': {
        this.#nextRequestId = act.requestId
        return this.#note(act.requestId, manager.unload(act.modelId, new AbortController().signal))
      }
      case 'pin': {
        this.#nextRequestId = act.requestId
        return this.#note(act.requestId, manager.pin(act.modelId, act.pinned))
      }
      case 'foreignMemory':
        this.#machine.foreignBytes = act.bytes
        return
      case 'foreignGpuMemory':
        this.#machine.foreignGpuBytes.set(act.gpu, act.bytes)
        return
      case 'spare':
        return this.#setSpare(act.bytes)
      case 'kill':
        return this.#engines.kill(act.engineKey, act.cause)
      case 'sleep':
        return this.#clock.sleep(act.gapMs)
      case 'stop':
        void manager.close(QUIET_AFTER_MS)
        return
      case 'restart':
        throw new Error('a scenario for the manager has no restarts')
    }
  }

  #setSpare(bytes: number): void {
    this.#machine.spareBytes = bytes
    this.#provider.tellSpare(bytes > 0 ? { pid: 1, bytes } : undefined)
  }

  #ask(manager: Manager, { requestId, modelId, kind, allocation, patienceMs, wish }: Asking): void {
    this.#nextRequestId = requestId
    const leaving = new AbortController()
    if (Number.isFinite(patienceMs)) this.#clock.setTimer(patienceMs, () => leaving.abort())
    if (kind === 'load') return this.#note(requestId, manager.load(modelId, leaving.signal, wish))
    if (allocation) return this.#note(requestId, manager.allocate(modelId, allocation, leaving.signal))
    const request = {
      model: modelId,
      messages: [{ role: 'user' as const, content: requestId }],
      sampling: {},
      stop: [],
      isStreamed: true,
      wish,
    }
    this.#note(requestId, this.#read(manager.infer(request, leaving.signal)))
  }

  async #read(answer: AsyncIterable<{ readonly type: string }>): Promise<void> {
    const types: string[] = []
    for await (const { type } of answer) types.push(type)
    if (types.join(' ') !== 'start text end') throw new Error(`an answer came as '${types.join(' ')}'`)
  }

  #note(requestId: string, call: Promise<unknown>): void {
    const write = (outcome: string): void => {
      if (this.outcomes.has(requestId)) throw new Error(`${requestId} was answered twice`)
      this.outcomes.set(requestId, outcome)
    }
    call.then(
      () => write('ok'),
      (error: unknown) => write(toErrorData(error).reason),
    )
  }

  #load(definition: ModelDefinition, signal: AbortSignal, placement: GpuPlacement | undefined): Promise<LoadResult> {
    return new Promise((resolve, reject) => {
      const abort = this.#engines.load(definition, placement, (outcome) => {
        if ('failure' in outcome) return reject(resourceError(outcome.failure, 'simulated'))
        resolve({ ...outcome, contextTokens: definition.contextTokens, heldFileBytes: 0 })
      })
      signal.addEventListener('abort', () => {
        abort()
        reject(resourceError('request-cancelled', 'given up'))
      })
    })
  }

  #unload(definition: ModelDefinition): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#engines.unload(definition, (failed) => {
        if (failed) reject(resourceError('unload-failed', 'simulated'))
        else resolve()
      })
    })
  }

  #generate(definition: ModelDefinition, requestId: string, signal: AbortSignal): AsyncIterable<GenerateChunk> {
    const channel = new AnswerChannel<GenerateChunk>(() => stop())
    const first = (): void => channel.push({ type: 'text', text: 'x' })
    const stop = this.#engines.generate(requestId, definition, first, (outcome) => {
      if (outcome === 'engine-error') return channel.fail(resourceError('engine-error', 'simulated'))
      if (outcome !== 'ok') return channel.fail(resourceError(outcome === 'stuck' ? 'engine-stuck' : 'engine-lost', ''))
      const usage = { promptTokens: 1, cachedTokens: 0, generatedTokens: 1 }
      channel.push({ type: 'end', finishReason: 'stop', usage, prefillMs: 1, decodeMs: 1 })
      channel.end()
    })
    signal.addEventListener('abort', () => {
      stop()
      channel.fail(resourceError('request-cancelled', 'given up'))
    })
    return channel
  }

  #definition(modelId: string): ModelDefinition {
    const definition = this.#scenario.definitions.find((other) => other.id === modelId)
    if (!definition) throw new Error(`the scenario has no ${modelId}`)
    return definition
  }
}
