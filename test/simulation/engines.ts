import type { Clock, Timer } from '../../src/spec/clock.ts'
import type { ErrorReason } from '../../src/spec/error-reason.ts'
import type { GpuPlacement } from '../../src/spec/gpu-placement.ts'
import type { EngineKey, Footprint, ModelDefinition } from '../../src/spec/model.ts'
import type { EngineLossCause } from '../../src/spec/provider.ts'
import type { Machine } from './machine.ts'
import type { AnswerFate, Scenario } from './scenario.ts'

export type LoadOutcome = { readonly footprint: Footprint; readonly loadMs: number } | { readonly failure: ErrorReason }

interface Call {
  readonly engineKey: EngineKey
  readonly timers: Timer[]
  /** The engine is gone: how this call ends. */
  lose(cause: EngineLossCause): void
}

/**
 * The engines of the simulated machine: every call ends as the scenario has it, at the scenario's time. Both drivers
 * use them: one steps the core directly, one runs the real manager over a provider made of them.
 */
export class SimulatedEngines {
  readonly machine: Machine
  onLost: (engineKey: EngineKey, cause: EngineLossCause) => void = () => {}
  readonly #scenario: Scenario
  readonly #clock: Clock
  readonly #calls = new Set<Call>()
  readonly #attempts = new Map<string, number>()

  constructor(scenario: Scenario, clock: Clock, machine: Machine) {
    this.#scenario = scenario
    this.#clock = clock
    this.machine = machine
  }

  load(
    definition: ModelDefinition,
    placement: GpuPlacement | undefined,
    done: (outcome: LoadOutcome) => void,
  ): () => void {
    const fate = this.#scenario.loadFate(definition.id, this.#attempt('load', definition.id))
    const call = this.#begin(definition.engineKey, (cause) => done({ failure: LOAD_LOSS[cause] }))
    this.#after(call, fate.afterMs, () => {
      this.#calls.delete(call)
      if (fate.failure) return done({ failure: fate.failure })
      const footprint = this.machine.load(definition, placement)
      done(footprint ? { footprint, loadMs: fate.afterMs } : { failure: 'gpu-out-of-memory' })
    })
    return () => this.#end(call)
  }

  unload(definition: ModelDefinition, done: (failed: boolean) => void): void {
    const fate = this.#scenario.unloadFate(definition.id, this.#attempt('unload', definition.id))
    const call = this.#begin(definition.engineKey, () => done(false))
    this.#after(call, fate.afterMs, () => {
      this.#calls.delete(call)
      if (!fate.fails) this.machine.unload(definition.id)
      done(fate.fails)
    })
  }

  generate(
    requestId: string,
    definition: ModelDefinition,
    first: () => void,
    done: (outcome: AnswerFate['outcome']) => void,
  ): () => void {
    const fate = this.#scenario.answerFate(requestId, this.#attempt('answer', requestId))
    const call = this.#begin(definition.engineKey, done)
    if (fate.firstMs < fate.afterMs) this.#after(call, fate.firstMs, first)
    this.#after(call, fate.afterMs, () => {
      const { outcome } = fate
      if (outcome !== 'ok' && outcome !== 'engine-error') return this.kill(definition.engineKey, outcome)
      this.#calls.delete(call)
      done(outcome)
    })
    return () => this.#end(call)
  }

  /** Ends an engine process: its models are out of memory, then its owner is told, then every call on it ends. */
  kill(engineKey: EngineKey, cause: EngineLossCause): void {
    const models = this.machine.loadedOn(engineKey)
    const calls = [...this.#calls].filter((call) => call.engineKey === engineKey)
    if (models.length === 0 && calls.length === 0) return
    for (const modelId of models) this.machine.unload(modelId)
    for (const call of calls) this.#end(call)
    this.onLost(engineKey, cause)
    for (const call of calls) call.lose(cause)
  }

  /** The owner is gone: every engine ends and nobody is told. */
  endAll(): void {
    for (const call of this.#calls) this.#end(call)
    this.machine.unloadAll()
  }

  #begin(engineKey: EngineKey, lose: Call['lose']): Call {
    const call: Call = { engineKey, timers: [], lose }
    this.#calls.add(call)
    return call
  }

  #after(call: Call, delayMs: number, run: () => void): void {
    call.timers.push(this.#clock.setTimer(delayMs, run))
  }

  #end(call: Call): void {
    this.#calls.delete(call)
    for (const timer of call.timers) timer.cancel()
  }

  #attempt(kind: string, name: string): number {
    const attempt = (this.#attempts.get(`${kind}/${name}`) ?? 0) + 1
    this.#attempts.set(`${kind}/${name}`, attempt)
    return attempt
  }
}

const LOAD_LOSS: Readonly<Record<EngineLossCause, ErrorReason>> = {
  crashed: 'engine-lost',
  stuck: 'engine-stuck',
  taken: 'engine-lost',
  'out-of-memory': 'out-of-memory',
}
