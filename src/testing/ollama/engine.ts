import type { Clock } from '../../spec/clock.ts'
import { type EngineAge, engineAge } from './engine-age.ts'
import { type FakeOllamaCounters, type FakeOllamaKnobs, noCounts } from './knobs.ts'
import { readKeepAliveMs } from './keep-alive.ts'
import { readOptions, type RunOptions } from './load-options.ts'
import { type FakeModel, FakeModelStore } from './models.ts'
import { type Lease, FakeScheduler } from './scheduler.ts'
import { tokenize, Vocabulary } from '../answering/tokens.ts'

/** Everything of the server but HTTP. */
export class FakeEngine {
  readonly version: string
  readonly age: EngineAge
  readonly clock: Clock
  readonly knobs: FakeOllamaKnobs
  readonly counters: FakeOllamaCounters = noCounts()
  readonly store: FakeModelStore
  readonly scheduler: FakeScheduler
  readonly vocabulary: Vocabulary = new Vocabulary()
  readonly tokenize: (text: string) => string[] = tokenize

  constructor(version: string, clock: Clock, knobs: FakeOllamaKnobs, models: readonly FakeModel[]) {
    this.version = version
    this.age = engineAge(version)
    this.clock = clock
    this.knobs = knobs
    this.store = new FakeModelStore(models)
    this.scheduler = new FakeScheduler(this.age, clock, knobs, this.counters)
  }

  /** The time of a reply, as Go writes it. */
  readonly createdAt = (): string => new Date(this.clock.nowMs()).toISOString()

  /** Field `shift`: true when not said, except for one family. */
  isShifting(model: FakeModel, shift: unknown): boolean {
    return shift === undefined ? model.family !== 'deepseek2' : shift !== false
  }

  /** Checks the options and waits for a runner that is loaded by them. */
  async acquire(
    model: FakeModel,
    body: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<{ lease: Lease; run: RunOptions }> {
    const asked = body['options'] as Readonly<Record<string, unknown>> | undefined
    const { vramBytes, contextTokens } = this.knobs
    const { load, run } = readOptions(model, asked, { age: this.age, vramBytes, contextTokens })
    const lease = await this.scheduler.acquire({
      model,
      signature: {
        options: load,
        isShifting: this.isShifting(model, body['shift']),
        adapters: model.adapters ?? [],
        projectors: model.projectors ?? [],
      },
      keepAliveMs: readKeepAliveMs(body['keep_alive']),
      signal,
    })
    return { lease, run }
  }
}
