import type { Clock } from '../../spec/clock.ts'
import { ResourceError, resourceError } from '../../spec/errors.ts'
import type { EngineKey } from '../../spec/model.ts'
import type { EngineLoss, EngineLossCause } from '../../spec/provider.ts'
import type { RunnerFinder } from '../../system/ollama-runners.ts'
import type { HeldRunner } from './held-runner.ts'
import { type BelievedRunner, judgeRunner } from './judge-runner.ts'
import { isRunnerGone } from './ollama-failure.ts'
import type { ResidentModel } from './ollama-replies.ts'
import { KEEP_ALIVE_MS, type OllamaServer } from './ollama-server.ts'
import type { OomKills } from './oom-kills.ts'
import { pause } from '../giving-up.ts'
import { RunnerWatch } from './runner-watch.ts'

export interface RunnerLossesOptions {
  readonly server: OllamaServer
  readonly clock: Clock
  readonly oomKills: OomKills
  readonly runners: RunnerFinder | undefined
  readonly watchIntervalMs: () => number
  /** What grym believes to be in memory: whatever is lost is taken out. */
  readonly held: Map<EngineKey, HeldRunner>
  /** Weights that grym had loaded; what somebody took away is not among them any more. */
  readonly ours: Map<EngineKey, string>
  readonly counters: { reloadsAvoided: number }
}

/** Looks in a row that got no answer until Ollama counts as gone: a busy machine may miss one. */
const MAX_SILENT_LOOKS = 2
/** In which what belongs together on a machine has happened. */
const SETTLE_MS = 50
const SERVER_GONE = 'Ollama does not answer any more'

/** Notices what happens to runners without grym: compares what is believed with what is there, and tells of losses. */
export class RunnerLosses {
  readonly listeners: ((loss: EngineLoss) => void)[] = []
  readonly watch: RunnerWatch
  readonly #options: RunnerLossesOptions
  #silentLooks = 0

  constructor(options: RunnerLossesOptions) {
    this.#options = options
    this.watch = new RunnerWatch(options.clock, options.watchIntervalMs, () => this.#look())
  }

  /** A loss is told once, and then every request on that runner ends as lost. */
  lose(runner: HeldRunner, cause: EngineLossCause, detail: string): void {
    const { held, ours } = this.#options
    if (!this.#isHeld(runner)) return
    held.delete(runner.key)
    if (cause === 'taken') ours.delete(runner.key)
    if (held.size === 0) this.watch.stop()
    for (const listener of this.listeners) listener({ engineKey: runner.key, cause, detail })
    const error = resourceError(
      cause === 'stuck' ? 'engine-stuck' : 'engine-lost',
      `${WORDS[cause]} (${detail}). Send the request again.`,
      {
        details: { cause, detail },
      },
    )
    for (const use of runner.uses) {
      use.lost = error
      use.stop.abort()
    }
  }

  /**
   * An answer broke off: finds out what is left. When the model is gone that is told, and every request on it ends as lost.
   * @returns what it means for this request alone, where the model goes on.
   */
  async explain(runner: HeldRunner, error: ResourceError): Promise<ResourceError> {
    // A process that is being killed closes its connections first.
    await this.#settle()
    let residents = await this.#residents()
    if (!residents && this.#isHeld(runner)) residents = await this.#residents()
    if (residents && this.#goesOn(runner, residents, error)) return asOwnFailure(error)
    const wasKilled = await this.#options.oomKills.haveRisen()
    this.lose(runner, wasKilled ? 'out-of-memory' : 'crashed', detailOf(error))
    return error
  }

  /** A model whose process died stays in Ollama's list; where the process is out of sight, its words have to do. */
  #goesOn(runner: HeldRunner, residents: ReadonlyMap<EngineKey, ResidentModel>, error: ResourceError): boolean {
    if (!residents.has(runner.key)) return false
    return runner.process === undefined ? !isRunnerGone(error) : !this.isProcessGone(runner)
  }

  #isHeld(runner: HeldRunner): boolean {
    return this.#options.held.get(runner.key) === runner
  }

  /** Its process was seen, and is not there any more. */
  isProcessGone({ process }: HeldRunner): boolean {
    const { runners } = this.#options
    return process !== undefined && runners !== undefined && !runners.isAlive(process)
  }

  /** Compares one runner with what Ollama holds, whether it is used or not. */
  async lookAfter(runner: HeldRunner): Promise<void> {
    const residents = await this.#residents()
    if (residents) await this.#judge(runner, residents.get(runner.key), () => runner.change === undefined)
  }

  async #look(): Promise<void> {
    const { clock, held, oomKills } = this.#options
    const kills = await oomKills.count()
    const seen = [...held.values()].map((runner) => ({ runner, activity: runner.activity }))
    const residents = await this.#residents()
    if (!residents) return
    for (const { runner, activity } of seen) {
      // What happened while Ollama was asked is newer than its answer.
      const isUntouched = (): boolean => runner.isIdle && runner.activity === activity
      await this.#judge(runner, residents.get(runner.key), isUntouched)
      const isOld = clock.nowMs() - runner.touchedAtMs > KEEP_ALIVE_MS / 2
      if (!this.#isHeld(runner) || !isOld || !isUntouched()) continue
      await this.#touch(runner)
    }
    // All were found as they should be: a kill of before was another's. Of a runner in use that is not known yet.
    if (seen.every(({ runner, activity }) => this.#isHeld(runner) && runner.isIdle && runner.activity === activity)) {
      oomKills.markAt(kills)
    }
  }

  /** Makes Ollama count its time anew. It is a use like a request, so that no unload overtakes it. */
  async #touch(runner: HeldRunner): Promise<void> {
    const [modelId] = runner.models.keys()
    if (modelId === undefined) return
    const use = runner.use(modelId, new AbortController())
    const { name, form, signature } = runner
    try {
      await this.#options.server.load({ name, form, signature }, use.stop.signal)
      runner.touchedAtMs = this.#options.clock.nowMs()
    } catch (error) {
      // Half of the time is left; the next look finds out what this means, and tries again.
      if (!(error instanceof ResourceError)) throw error
    } finally {
      use.leave()
    }
  }

  async #judge(runner: HeldRunner, listed: ResidentModel | undefined, mayJudge: () => boolean): Promise<void> {
    const process = await this.#stateOfProcess(runner)
    let resident = listed
    if (!mayJudge()) return
    if (process === 'gone' && resident) {
      // Of a model that is unloaded the process ends first, and it is listed for a moment more.
      await this.#settle()
      const later = await this.#residents()
      if (!later || !mayJudge()) return
      resident = later.get(runner.key)
    }
    const verdict = judgeRunner({ contextTokens: runner.contextTokens, process }, resident, runner.age)
    if (verdict.type === 'adopted') {
      const { contextTokens } = verdict
      runner.contextTokens = contextTokens
      runner.signature = { ...runner.signature, contextTokens }
      this.#options.counters.reloadsAvoided++
    }
    if (verdict.type !== 'lost') return
    const wasKilled = verdict.cause === 'crashed' && (await this.#options.oomKills.haveRisen())
    this.lose(runner, wasKilled ? 'out-of-memory' : verdict.cause, verdict.detail)
  }

  async #stateOfProcess(runner: HeldRunner): Promise<BelievedRunner['process']> {
    if (runner.process === undefined || !this.#options.runners) return 'unseen'
    if (!this.isProcessGone(runner)) return 'alive'
    const process = await this.#options.server.processOf(runner.name)
    if (process === undefined) return 'gone'
    runner.process = process
    return 'replaced'
  }

  #settle(): Promise<void> {
    return pause(this.#options.clock, SETTLE_MS, new AbortController().signal)
  }

  /** `undefined` when Ollama does not answer; then everything on it is lost, at once or after one more look. */
  async #residents(): Promise<ReadonlyMap<EngineKey, ResidentModel> | undefined> {
    try {
      const residents = await this.#options.server.residents()
      this.#silentLooks = 0
      return residents
    } catch (error) {
      if (!(error instanceof ResourceError)) throw error
      this.#silentLooks++
      const isRefused = error.details?.['code'] === 'ECONNREFUSED'
      if (isRefused || this.#silentLooks >= MAX_SILENT_LOOKS) this.#loseAll()
      return undefined
    }
  }

  #loseAll(): void {
    this.#silentLooks = 0
    for (const runner of this.#options.held.values()) this.lose(runner, 'crashed', SERVER_GONE)
  }
}

const WORDS: Readonly<Record<EngineLossCause, string>> = {
  taken: 'The model was taken out of memory by somebody else',
  crashed: 'The process of the model in Ollama ended',
  stuck: 'Ollama made no progress',
  'out-of-memory': 'The kernel ended the process of the model for lack of memory',
}

function detailOf({ details, message }: ResourceError): string {
  const said = details?.['engineMessage']
  return typeof said === 'string' && said !== '' ? said : message
}

/** What broke off is this answer alone. Where Ollama gave a reason, that is told. */
function asOwnFailure(error: ResourceError): ResourceError {
  if (error.details?.['engineMessage'] !== undefined) return error
  const message =
    'The connection to Ollama ended before the answer did, though the model goes on. Send the request again.'
  return resourceError('engine-error', message, { cause: error })
}
