import type { Effect } from '../../src/core/effect.ts'
import { step } from '../../src/core/step.ts'
import { nextWakeAtMs } from '../../src/core/wake.ts'
import { createWorld, type World } from '../../src/core/world.ts'
import type { EventBody } from '../../src/manager/core-loop.ts'
import type { Timer } from '../../src/spec/clock.ts'
import type { JournalEntry } from '../../src/spec/journal.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { SimulatedEngines } from './engines.ts'
import { Invariants } from './invariants.ts'
import { Machine } from './machine.ts'
import type { Act, Scenario } from './scenario.ts'
import { START_MS, withWindow } from './scenario.ts'

/** How long a run may go on after the last act until it must be quiet: every deadline has passed by then. */
export const QUIET_AFTER_MS = 2_000_000

/** How long the spare process takes to end. */
export const SPARE_END_MS = 5

/** Runs a scenario against {@link step} alone and checks every invariant after every event. */
export class CoreDriver {
  readonly journal: JournalEntry[] = []
  eventCount = 0
  readonly #scenario: Scenario
  readonly #clock = new VirtualClock(START_MS)
  readonly #machine: Machine
  readonly #engines: SimulatedEngines
  #world: World
  readonly #invariants = new Invariants()
  readonly #cancels = new Map<string, () => void>()
  readonly #aborts = new Map<number, () => void>()
  readonly #wishedTokens = new Map<string, number>()
  #wake: Timer | undefined

  constructor(scenario: Scenario) {
    this.#scenario = scenario
    this.#machine = new Machine(scenario)
    this.#engines = new SimulatedEngines(scenario, this.#clock, this.#machine)
    this.#engines.onLost = (engineKey, cause) => {
      for (const modelId of this.#modelsOn(engineKey)) this.#invariants.transitionEnded(modelId)
      for (const [requestId, model] of this.#leasesOn(engineKey)) this.#lose(requestId, model)
      this.#dispatch({ type: 'engineLost', engineKey, cause, detail: 'simulated', memory: this.#read() })
    }
    this.#world = createWorld(scenario.settings, this.#read())
  }

  run(): JournalEntry[] {
    for (const act of this.#scenario.acts) this.#clock.setTimer(act.atMs - START_MS, () => this.#act(act))
    this.#clock.setTimer(this.#scenario.settings.sampling.intervalMs, () => this.#sample())
    const quietAtMs = this.#scenario.endAtMs + QUIET_AFTER_MS + this.#sleepMs()
    while (this.#clock.runNext(quietAtMs)) {
      // Each timer is one event; the clock moves itself.
    }
    this.#invariants.checkQuiet(this.#world)
    return this.journal
  }

  #sleepMs(): number {
    return this.#scenario.acts.reduce((sumMs, act) => sumMs + (act.type === 'sleep' ? act.gapMs : 0), 0)
  }

  #act(act: Act): void {
    switch (act.type) {
      case 'ask': {
        const { requestId, kind, allocation, requestHash, patienceMs, wish } = act
        this.#invariants.asked(requestId)
        const definition = this.#definition(act.modelId)
        // As the manager remembers it.
        const wishedTokens = Math.max(wish?.contextTokens ?? 0, this.#wishedTokens.get(act.modelId) ?? 0)
        this.#wishedTokens.set(act.modelId, wishedTokens)
        const isLarger = allocation === undefined && wishedTokens > definition.contextTokens
        this.#dispatch({
          type: 'requestArrived',
          requestId,
          kind,
          requestHash,
          definition,
          ...(allocation && { allocation }),
          ...(wish && { wish }),
          ...(isLarger && { larger: { definition: withWindow(definition, wishedTokens), wishedTokens } }),
        })
        if (Number.isFinite(patienceMs)) this.#clock.setTimer(patienceMs, () => this.#cancel(requestId))
        return
      }
      case 'unload':
        this.#invariants.asked(act.requestId)
        return this.#dispatch({ type: 'unloadRequested', requestId: act.requestId, modelId: act.modelId })
      case 'pin':
        this.#invariants.asked(act.requestId)
        return this.#dispatch({
          type: 'pinRequested',
          requestId: act.requestId,
          definition: this.#definition(act.modelId),
          pinned: act.pinned,
        })
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
        return this.#dispatch({ type: 'shutdownRequested' })
      case 'restart':
        return this.#restart()
    }
  }

  /** Every connection breaks, every engine dies with its parent, and a daemon that remembers nothing takes over. */
  #restart(): void {
    this.#engines.endAll()
    this.#machine.spareBytes = 0
    this.#cancels.clear()
    this.#wishedTokens.clear()
    for (const requestId of this.#invariants.unanswered()) this.#invariants.answered(requestId)
    this.#invariants.forgetEngines()
    this.#world = createWorld(this.#scenario.settings, this.#read())
  }

  #sample(): void {
    this.#dispatch({ type: 'memorySampled', memory: this.#read() })
    this.#clock.setTimer(this.#scenario.settings.sampling.intervalMs, () => this.#sample())
  }

  #setSpare(bytes: number): void {
    this.#machine.spareBytes = bytes
    const spare = bytes > 0 ? { pid: 1, bytes } : undefined
    this.#dispatch({ type: 'spareChanged', spare, memory: this.#read() })
  }

  #cancel(requestId: string): void {
    if (this.#invariants.isAnswered(requestId)) return
    this.#cancels.get(requestId)?.()
    this.#cancels.delete(requestId)
    this.#invariants.leaseEnded(requestId)
    this.#invariants.answered(requestId)
    this.#dispatch({ type: 'requestCancelled', requestId })
  }

  #dispatch(body: EventBody): void {
    this.eventCount += 1
    const effects = step(this.#world, { ...body, atMs: this.#clock.nowMs() })
    this.#invariants.check(this.#world, effects)
    const undone = step(this.#world, { type: 'timePassed', atMs: this.#clock.nowMs() })
    if (undone.length > 0) throw new Error(`a step left work undone: ${JSON.stringify(undone[0])}`)
    for (const effect of effects) this.#perform(effect)
    this.#wake?.cancel()
    const wakeAtMs = nextWakeAtMs(this.#world)
    if (wakeAtMs === undefined) return
    this.#wake = this.#clock.setTimer(wakeAtMs - this.#clock.nowMs(), () => this.#dispatch({ type: 'timePassed' }))
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'record':
        this.journal.push(effect.entry)
        return
      case 'load':
        return this.#load(effect)
      case 'abortLoad':
        this.#aborts.get(effect.loadId)?.()
        return
      case 'unload':
        return this.#unload(effect.modelId)
      case 'dropSpare':
        this.#clock.setTimer(SPARE_END_MS, () => this.#setSpare(0))
        return
      case 'grant':
        return this.#generate(effect.requestId, effect.modelId, effect.grantId)
      case 'end':
      case 'publish':
        return
    }
  }

  #load({ definition, loadId, placement }: Extract<Effect, { type: 'load' }>): void {
    const modelId = definition.id
    const abort = this.#engines.load(definition, placement, (outcome) => {
      this.#aborts.delete(loadId)
      this.#invariants.transitionEnded(modelId)
      const memory = this.#read()
      if ('failure' in outcome) {
        const error = { reason: outcome.failure, message: 'simulated' }
        return this.#dispatch({ type: 'loadFailed', modelId, loadId, error, memory })
      }
      const { contextTokens } = definition
      this.#dispatch({ type: 'loadSucceeded', modelId, loadId, contextTokens, heldFileBytes: 0, memory, ...outcome })
    })
    this.#aborts.set(loadId, abort)
  }

  #unload(modelId: string): void {
    this.#engines.unload(this.#definition(modelId), (failed) => {
      this.#invariants.transitionEnded(modelId)
      if (!failed) return this.#dispatch({ type: 'unloadSucceeded', modelId, memory: this.#read() })
      const error = { reason: 'unload-failed', message: 'simulated' } as const
      this.#dispatch({ type: 'unloadFailed', modelId, error })
    })
  }

  #generate(requestId: string, modelId: string, grantId: number): void {
    const first = (): void => this.#dispatch({ type: 'requestAnswering', requestId, grantId })
    const stop = this.#engines.generate(requestId, this.#definition(modelId), first, (outcome) => {
      // A lost engine is the core's matter: it has been told already and decides between a retry and an error.
      if (outcome !== 'ok' && outcome !== 'engine-error') return
      this.#cancels.delete(requestId)
      this.#invariants.leaseEnded(requestId)
      this.#invariants.answered(requestId)
      this.#dispatch({ type: 'requestFinished', requestId, grantId })
    })
    this.#cancels.set(requestId, stop)
  }

  #lose(requestId: string, modelId: string): void {
    this.#cancels.delete(requestId)
    this.#invariants.leaseEnded(requestId)
    if (!this.#world.models.get(modelId)) throw new Error(`${modelId} is leased and unknown`)
  }

  #leasesOn(engineKey: string): [string, string][] {
    return this.#modelsOn(engineKey).flatMap((modelId) =>
      [...(this.#world.models.get(modelId)?.running ?? [])].map((requestId): [string, string] => [requestId, modelId]),
    )
  }

  #modelsOn(engineKey: string): string[] {
    return this.#scenario.definitions.filter((other) => other.engineKey === engineKey).map((other) => other.id)
  }

  #definition(modelId: string): Scenario['definitions'][number] {
    const definition = this.#scenario.definitions.find((other) => other.id === modelId)
    if (!definition) throw new Error(`the scenario has no ${modelId}`)
    return definition
  }

  #read(): ReturnType<Machine['read']> {
    return this.#machine.read(this.#clock.nowMs())
  }
}
