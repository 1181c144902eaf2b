import type { Clock } from '../../spec/clock.ts'
import { ResourceError } from '../../spec/errors.ts'
import type { EngineModels, OfferedModel } from '../../spec/offered-model.ts'
import { KeptList, type ListAnswer } from '../kept-list.ts'
import { isSilence } from './failure.ts'
import { type LmStudioModel, widestInstance } from './listing.ts'
import { matchName } from './match-name.ts'
import type { LmStudioServer } from './server.ts'

export const LM_STUDIO_PREFIX = 'lmstudio:'
/** How long a list is waited for where nobody expects LM Studio; elsewhere as long as the server waits. */
const UNEXPECTED_LIST_DEADLINE_MS = 1_000

export interface LmStudioModelsOptions {
  readonly server: LmStudioServer
  readonly clock: Clock
  /** Did a person set its address? Then it is a fault when it does not answer. Default false: it may just not run. */
  readonly isExpected?: boolean
}

/** The models that LM Studio has downloaded. Built to the documented protocol, not yet verified on the application. */
export class LmStudioModels implements EngineModels {
  readonly platform = 'lmstudio'
  readonly #options: LmStudioModelsOptions
  #wasReached = false
  #lost: string | undefined
  readonly #kept: KeptList<LmStudioModel>
  #last: readonly LmStudioModel[] = []

  constructor(options: LmStudioModelsOptions) {
    this.#options = options
    const { clock, isExpected = false } = options
    this.#kept = new KeptList({ clock, isExpected, ask: () => this.#ask() })
  }

  get fault(): string | undefined {
    return this.#wasReached || this.#options.isExpected === true ? this.#lost : undefined
  }

  async find(name: string): Promise<OfferedModel | undefined> {
    const found = matchName(await this.#kept.rows(), name)
    return found && this.#offered(found)
  }

  async list(): Promise<readonly OfferedModel[]> {
    return (await this.#kept.rows()).map((model) => this.#offered(model))
  }

  async #ask(): Promise<ListAnswer<LmStudioModel>> {
    const { server, isExpected } = this.#options
    try {
      const models = await server.list(isExpected ? {} : { deadlineMs: UNEXPECTED_LIST_DEADLINE_MS })
      this.#wasReached = true
      this.#lost = undefined
      this.#last = models
      return { rows: models, hasFailed: false }
    } catch (error) {
      if (!(error instanceof ResourceError)) throw error
      // What answers and refuses is there, and a person can mend it.
      if (error.reason !== 'engine-unreachable') this.#wasReached = true
      this.#lost = error.message
      // One that is only slow still has the models that it had.
      return { rows: isSilence(error) ? this.#last : [], hasFailed: true }
    }
  }

  #offered(model: LmStudioModel): OfferedModel {
    const { key } = model
    const id = LM_STUDIO_PREFIX + key
    const loaded = widestInstance(model.instances)
    // What a person has loaded is used as it is; what grym has loaded can be loaded anew with another window.
    const isManual = loaded !== undefined && !this.#options.server.ownInstances.has(loaded.id)
    return {
      id,
      engineName: key,
      platform: 'lmstudio',
      engineKey: id,
      modifiedAtMs: 0,
      sizeBytes: model.sizeBytes,
      weights: {},
      capabilities: model.capabilities,
      architecture: model.architecture,
      parameterCount: model.parameterCount,
      quantization: model.quantization,
      trainContextTokens: model.trainContextTokens,
      chatTemplate: null,
      header: null,
      fixedContextTokens: isManual ? loaded.contextTokens : null,
      fixedParallel: loaded?.parallel ?? null,
      footprintBytes: null,
      isElsewhere: !this.#options.server.isLocal,
      settings: {},
    }
  }
}
