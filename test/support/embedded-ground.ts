import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { EmbeddedProvider, type EmbeddedProviderOptions } from '../../src/providers/embedded/embedded-provider.ts'
import { resourceError } from '../../src/spec/errors.ts'
import { DEFAULT_ENGINE_OPTIONS, type ModelDefinition } from '../../src/spec/model.ts'
import { LinuxProcessMeter } from '../../src/system/linux-process-meter.ts'
import { SystemClock } from '../../src/system/system-clock.ts'
import type { ProviderUnderTest } from '../../src/testing/contract-check.ts'
import { digestOnce, type KeptStatesGround } from './kept-states-ground.ts'

/** As the provider has them. By default nothing is kept ready, no GPU is used, states are not kept, and one core is used. */
export interface EmbeddedGroundOptions extends Partial<EmbeddedProviderOptions> {
  /** Where states are kept; each is worth looking for, as a machine that is not busy reads a small model's prompts as fast. */
  readonly keptStates?: KeptStatesGround
}

/** An embedded provider over files that a test placed, and the processes that it runs. */
export class EmbeddedGround {
  readonly provider: EmbeddedProvider
  /** Pids of engine processes that are there. */
  readonly running: Set<number>
  readonly #keptStates: KeptStatesGround | undefined

  /**
   * @param folder for what the provider writes.
   * @param paths files by model id.
   */
  constructor(folder: string, paths: ReadonlyMap<string, string>, options: EmbeddedGroundOptions = {}) {
    const { keptStates, ...given } = options
    this.#keptStates = keptStates
    const running = new Set<number>()
    this.running = running
    this.provider = new EmbeddedProvider({
      clock: new SystemClock(),
      processMeter: new LinuxProcessMeter(),
      weights: {
        async locate(modelId) {
          const path = paths.get(modelId)
          if (!path) throw resourceError('model-file-missing', `${modelId} is gone.`)
          return { path, sizeBytes: (await stat(path)).size, contextTokens: 2_048 }
        },
      },
      // Two threads wait for each other at every step of an evaluation, and a busy machine makes them wait long: with one a tiny
      // model answers within 40 ms, with two now and then in 5 s.
      cores: 1,
      compileCacheFolder: join(folder, 'compiled'),
      onSpawned: (pid) => running.add(pid),
      onExited: (pid) => running.delete(pid),
      ...(keptStates && { stateCache: keptStates.cache, digestOf: digestOnce, restoreCostMs: 0 }),
      ...given,
    })
  }

  signalAll(signal: NodeJS.Signals): void {
    for (const pid of this.running) process.kill(pid, signal)
  }

  /** For the contract: `model`, `sibling` on the same weights, `other`, and `missing`, which has no file. */
  subject(model: string, contextTokens: number): ProviderUnderTest {
    return {
      provider: this.provider,
      model: localModel(model, 'a', contextTokens),
      sibling: localModel('sibling', 'a', contextTokens),
      other: localModel('other', 'b', contextTokens),
      missing: localModel('missing', 'c', contextTokens),
      crash: async () => this.signalAll('SIGKILL'),
      stall: async () => this.signalAll('SIGSTOP'),
      hasEngines: async () => [...this.running].some(isAlive),
      ...(this.#keptStates && { keptStates: this.#keptStates }),
    }
  }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

export function localModel(id: string, engineKey: string, contextTokens = 1_024): ModelDefinition {
  return {
    id,
    platform: 'local',
    engineKey,
    contextTokens,
    parallel: 1,
    engine: DEFAULT_ENGINE_OPTIONS,
    checkpoints: 8,
    estimate: { weightsBytes: 510_208, contextBytes: 7_500_000, processBytes: 73_000_000, source: 'estimated' },
    maxPromptBytes: null,
    pinned: false,
    idleTimeoutMs: null,
    priority: 0,
    defaults: {},
  }
}
