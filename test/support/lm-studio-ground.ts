import { LmStudioModels } from '../../src/providers/lm-studio/lm-studio-models.ts'
import { LmStudioProvider } from '../../src/providers/lm-studio/lm-studio-provider.ts'
import { LmStudioServer } from '../../src/providers/lm-studio/server.ts'
import type { Clock } from '../../src/spec/clock.ts'
import { DEFAULT_ENGINE_OPTIONS, type ModelDefinition } from '../../src/spec/model.ts'
import type { EngineLoss } from '../../src/spec/provider.ts'
import { SystemClock } from '../../src/system/system-clock.ts'
import type { ProviderUnderTest } from '../../src/testing/contract-check.ts'
import { FakeLmStudio, type FakeLmStudioOptions } from '../../src/testing/fake-lm-studio.ts'

export interface LmStudioGroundOptions {
  readonly clock?: Clock
  readonly token?: string
  readonly watchIntervalMs?: number
  readonly idleTimeoutMs?: () => number | null
}

/** A fake LM Studio, and grym's side of it. */
export class LmStudioGround implements AsyncDisposable {
  readonly fake: FakeLmStudio
  readonly server: LmStudioServer
  readonly models: LmStudioModels
  readonly provider: LmStudioProvider
  readonly losses: EngineLoss[] = []

  private constructor(fake: FakeLmStudio, options: LmStudioGroundOptions) {
    const { clock = new SystemClock(), token, watchIntervalMs = 3_600_000, idleTimeoutMs = () => null } = options
    this.fake = fake
    this.server = new LmStudioServer({ baseUrl: fake.url, clock, ...(token !== undefined && { token }) })
    this.models = new LmStudioModels({ server: this.server, clock })
    this.provider = new LmStudioProvider({
      server: this.server,
      clock,
      watchIntervalMs: () => watchIntervalMs,
      idleTimeoutMs,
    })
    this.provider.onEngineLost((loss) => this.losses.push(loss))
  }

  static async start(fake: FakeLmStudioOptions = {}, options: LmStudioGroundOptions = {}): Promise<LmStudioGround> {
    return new LmStudioGround(await FakeLmStudio.start(fake), options)
  }

  subject(contextTokens: number): ProviderUnderTest {
    const { fake, provider } = this
    return {
      provider,
      model: studioModel('mistral-7b', contextTokens),
      sibling: { ...studioModel('mistral-7b', contextTokens), id: 'sibling' },
      other: studioModel('ibm/granite-4-micro', contextTokens),
      missing: studioModel('nobody', contextTokens),
      crash: async ({ engineName }) => {
        const id = fake.loaded.find(({ key }) => key === engineName)?.id
        if (id === undefined || !fake.crash(id)) throw new Error(`${engineName} is not loaded.`)
      },
      hasEngines: () => Promise.resolve(fake.loaded.length > 0),
    }
  }

  /** What was asked by this path, oldest first. */
  asked(path: string): readonly unknown[] {
    return this.fake.requests.filter((request) => request.path === path).map(({ body }) => body)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.provider.dispose()
    await this.fake.stop()
  }
}

export function studioModel(key: string, contextTokens = 512): ModelDefinition {
  return {
    id: `lmstudio:${key}`,
    platform: 'lmstudio',
    engineKey: `lmstudio:${key}`,
    engineName: key,
    contextTokens,
    parallel: 1,
    engine: DEFAULT_ENGINE_OPTIONS,
    estimate: {
      weightsBytes: 4_000_000_000,
      contextBytes: 100_000_000,
      processBytes: 22_000_000,
      source: 'estimated',
    },
    maxPromptBytes: null,
    pinned: false,
    idleTimeoutMs: null,
    priority: 0,
    defaults: {},
  }
}
