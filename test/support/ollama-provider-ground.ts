import { OllamaConnection } from '../../src/providers/ollama/ollama-connection.ts'
import { OllamaModels } from '../../src/providers/ollama/ollama-models.ts'
import { OllamaProvider, type OllamaProviderOptions } from '../../src/providers/ollama/ollama-provider.ts'
import type { Clock } from '../../src/spec/clock.ts'
import { DEFAULT_ENGINE_OPTIONS, type ModelDefinition } from '../../src/spec/model.ts'
import type { EngineLoss } from '../../src/spec/provider.ts'
import type { ProcessMeter } from '../../src/spec/system.ts'
import { LinuxProcessMeter } from '../../src/system/linux-process-meter.ts'
import { OllamaRunners, type RunnerFinder, type RunnerProcess } from '../../src/system/ollama-runners.ts'
import { SystemClock } from '../../src/system/system-clock.ts'
import type { ContractCheck, ProviderAbility, ProviderUnderTest } from '../../src/testing/contract-check.ts'
import { FakeOllama } from '../../src/testing/fake-ollama.ts'
import { PROVIDER_CONTRACT } from '../../src/testing/provider-contract.ts'

/** Names of an Ollama's models, by what the contract needs them for. */
export interface GroundModels {
  readonly model: string
  /** Another name for the same weights. */
  readonly sibling: string
  /** Has other weights. */
  readonly other: string
}

/** What no Ollama can do over HTTP, each with its reason. */
export const OLLAMA_LACKS: ReadonlyMap<ProviderAbility, string> = new Map([
  ['prefix-reuse', 'it never tells how much of a prompt was cached'],
  ['counting', 'it has no route that counts tokens'],
  ['tools', 'it has no tool_choice, so a call cannot be required; those that a model makes of itself are passed on'],
  ['stall', 'a prompt may take minutes: silence is believed to be a stall after 10 of them, longer than a check waits'],
  ['states', 'it has no route that takes a KV state to a file or back'],
])

/** The checks of the contract that apply to an engine with these lacks, and why each of the others does not. */
export function keptContract(lacks: ReadonlyMap<ProviderAbility, string>): {
  readonly kept: readonly ContractCheck[]
  readonly notKept: readonly (readonly [promise: string, reasons: readonly string[]])[]
} {
  const reasonsOf = ({ needs = [] }: ContractCheck): string[] => needs.flatMap((ability) => lacks.get(ability) ?? [])
  return {
    kept: PROVIDER_CONTRACT.filter((check) => reasonsOf(check).length === 0),
    notKept: PROVIDER_CONTRACT.filter((check) => reasonsOf(check).length > 0).map((check) => [
      check.promise,
      reasonsOf(check),
    ]),
  }
}

export interface OllamaGroundOptions extends Partial<OllamaProviderOptions> {
  readonly ownInstanceId?: string
  readonly isExpected?: boolean
}

/** Long: a test that waits for a look asks for a short one. */
const WATCH_INTERVAL_MS = 60_000

/** A provider on an Ollama at some address, real or fake. */
export class OllamaProviderGround implements AsyncDisposable {
  readonly connection: OllamaConnection
  readonly models: OllamaModels
  readonly provider: OllamaProvider
  readonly losses: EngineLoss[] = []

  constructor(baseUrl: string, options: OllamaGroundOptions = {}) {
    const { clock = new SystemClock(), ownInstanceId, isExpected = true } = options
    this.connection = new OllamaConnection({ baseUrl, clock, ...(ownInstanceId !== undefined && { ownInstanceId }) })
    this.models = new OllamaModels({ connection: this.connection, clock, isExpected })
    this.provider = new OllamaProvider({
      connection: this.connection,
      models: this.models,
      clock,
      processMeter: new LinuxProcessMeter(),
      runners: new OllamaRunners(),
      watchIntervalMs: () => WATCH_INTERVAL_MS,
      ...options,
    })
    this.provider.onEngineLost((loss) => this.losses.push(loss))
  }

  /** A definition as the catalog would make it of what Ollama offers; of what it does not, one that cannot be loaded. */
  async define(name: string, contextTokens = 2_048, more: Partial<ModelDefinition> = {}): Promise<ModelDefinition> {
    const offered = await this.models.find(name)
    return {
      id: name,
      platform: 'ollama',
      engineKey: offered?.engineKey ?? `ollama:${name}`,
      engineName: offered?.engineName ?? name,
      ...(offered && { weights: offered.weights }),
      contextTokens,
      parallel: 1,
      engine: DEFAULT_ENGINE_OPTIONS,
      estimate: { weightsBytes: 100_000_000, contextBytes: 50_000_000, processBytes: 20_000_000, source: 'estimated' },
      maxPromptBytes: null,
      pinned: false,
      idleTimeoutMs: null,
      priority: 0,
      defaults: {},
      ...more,
    }
  }

  /** For the contract; `crash` is how this Ollama's process for some weights is ended from outside. */
  async subject(
    names: GroundModels,
    contextTokens: number,
    crash: (definition: ModelDefinition) => Promise<void>,
  ): Promise<ProviderUnderTest> {
    const [model, sibling, other, missing] = await Promise.all(
      [names.model, names.sibling, names.other, 'missing:latest'].map((name) => this.define(name, contextTokens)),
    )
    if (!model || !sibling || !other || !missing) throw new Error('A model is not defined.')
    return { provider: this.provider, model, sibling, other, missing, crash, hasEngines: () => this.hasEngines() }
  }

  /** The process of a model on this machine. */
  async processOf(name: string): Promise<RunnerProcess | undefined> {
    return new OllamaRunners().find((await this.models.describe(name))?.weightsPath ?? '')
  }

  /** By Ollama's own word. */
  async hasEngines(): Promise<boolean> {
    // Not through the provider's connection, which ends with it.
    const response = await fetch(new URL('/api/ps', this.connection.baseUrl))
    const { models } = (await response.json()) as { models: readonly unknown[] }
    return models.length > 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.provider.dispose()
    await this.connection.close()
  }
}

/** What can be seen of a fake's runners, which are no processes. */
export class FakeRunners implements RunnerFinder, ProcessMeter {
  readonly #fake: FakeOllama

  constructor(fake: FakeOllama) {
    this.#fake = fake
  }

  async find(weightsPath: string): Promise<RunnerProcess | undefined> {
    const found = this.#fake.processes.find(({ blob }) => weightsPath.endsWith(`sha256-${blob}`))
    return found && { pid: found.pid, startTicks: '0' }
  }

  isAlive({ pid }: RunnerProcess): boolean {
    return this.#fake.processes.some((process) => process.pid === pid)
  }

  /** A fake takes no CPU time; what a test sets counts for all. */
  ticks = 0

  cpuTicks(process: RunnerProcess): number | undefined {
    return this.isAlive(process) ? this.ticks : undefined
  }

  async read(pid: number): Promise<{ rssBytes: number; pssBytes: number } | undefined> {
    const found = this.#fake.processes.find((process) => process.pid === pid)
    return found && { rssBytes: found.bytes, pssBytes: found.bytes }
  }

  async preferAsOomVictim(): Promise<void> {}

  async oomKillCount(): Promise<number | undefined> {
    return undefined
  }
}

/** A fake server, and a provider that sees its processes or does not. */
export class FakeOllamaGround implements AsyncDisposable {
  readonly fake: FakeOllama
  readonly ground: OllamaProviderGround
  readonly seen: FakeRunners

  private constructor(fake: FakeOllama, ground: OllamaProviderGround, seen: FakeRunners) {
    this.fake = fake
    this.seen = seen
    this.ground = ground
  }

  static async start(
    options: Parameters<typeof FakeOllama.start>[0] = {},
    more: OllamaGroundOptions & { readonly isSeen?: boolean } = {},
  ): Promise<FakeOllamaGround> {
    const fake = await FakeOllama.start(options)
    const { isSeen = true, ...given } = more
    const seen = new FakeRunners(fake)
    const unseen: RunnerFinder = { find: async () => undefined, isAlive: () => true, cpuTicks: () => undefined }
    const ground = new OllamaProviderGround(fake.url, {
      runners: isSeen ? seen : unseen,
      processMeter: seen,
      ...given,
    })
    return new FakeOllamaGround(fake, ground, seen)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ground[Symbol.asyncDispose]()
    await this.fake.stop()
  }
}

/** A real clock, except that what it tells can be put forward. */
export class ForwardClock implements Clock {
  readonly #clock = new SystemClock()
  #aheadMs = 0

  nowMs(): number {
    return this.#clock.nowMs() + this.#aheadMs
  }

  setTimer(delayMs: number, run: () => void): ReturnType<Clock['setTimer']> {
    return this.#clock.setTimer(delayMs, run)
  }

  forward(durationMs: number): void {
    this.#aheadMs += durationMs
  }
}
