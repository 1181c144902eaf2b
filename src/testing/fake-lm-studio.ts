import { once } from 'node:events'
import { parseArgs } from 'node:util'
import type { Clock } from '../spec/clock.ts'
import type { SeenRequest } from './http/loopback-server.ts'
import type { FakeStudioCounters, FakeStudioKnobs } from './lm-studio/knobs.ts'
import { DEFAULT_MODELS, type FakeStudioModel } from './lm-studio/models.ts'
import { StudioHttp } from './lm-studio/server.ts'
import { FakeStudio } from './lm-studio/studio.ts'
import { WallClock } from './time/wall-clock.ts'

/** How a fake application begins; its knobs can be turned later. */
export interface FakeLmStudioOptions extends Partial<FakeStudioKnobs> {
  /** Port on loopback. Default 0: a free one. */
  readonly port?: number
  /** From `0.4` on it has `/api/v1`; `0.3.x` has not. Default `0.4.25`. */
  readonly version?: string
  /** What is on disk. Default {@link DEFAULT_MODELS}. */
  readonly models?: readonly FakeStudioModel[]
  /** Default: real time. */
  readonly clock?: Clock
}

/** An instance in memory, as a test sees it. */
export interface LoadedStudioModel {
  readonly id: string
  readonly key: string
  readonly contextTokens: number
  readonly loadedBy: 'jit' | 'api' | 'person'
  readonly busyCount: number
}

/**
 * An LM Studio without models: what its server answers over HTTP, and how it loads, shares and evicts. Built to the
 * documented protocol and to what others recorded; no real one was at hand. Not known of the real one and guessed here:
 * the status of a failed load over `/api/v1`, the error for an instance that is not loaded, the codes of a field that is
 * missing or of another type, the form of an error within a stream, the words of requests without messages or prompt. It
 * has not: the WebSocket namespaces, `/api/v1/chat`, downloads, and the Responses and Messages dialects.
 */
export class FakeLmStudio {
  readonly url: string
  readonly port: number
  /** Turned by tests while it runs. */
  readonly knobs: FakeStudioKnobs
  readonly #studio: FakeStudio
  readonly #http: StudioHttp

  private constructor(studio: FakeStudio, http: StudioHttp, port: number) {
    this.#studio = studio
    this.#http = http
    this.knobs = studio.knobs
    this.port = port
    this.url = `http://127.0.0.1:${port}`
  }

  /** Listens, and resolves when it does. Rejects with Node's error when the port is taken. */
  static async start(options: FakeLmStudioOptions = {}): Promise<FakeLmStudio> {
    const { port = 0, version = '0.4.25', models = DEFAULT_MODELS, clock = new WallClock(), ...knobs } = options
    const studio = new FakeStudio(version, clock, knobs, models)
    const http = new StudioHttp(studio)
    return new FakeLmStudio(studio, http, await http.listen(port))
  }

  /** What happened so far. */
  get counters(): Readonly<FakeStudioCounters> {
    return this.#studio.counters
  }

  /** Every request that came, oldest first. */
  get requests(): readonly SeenRequest[] {
    return this.#http.seen
  }

  /** What is in memory, oldest first. */
  get loaded(): readonly LoadedStudioModel[] {
    return this.#studio.loaded.map(({ id, model, config, loadedBy, busyCount }) => ({
      id,
      key: model.key,
      contextTokens: config.contextTokens,
      loadedBy,
      busyCount,
    }))
  }

  /** A person loads a model at the application. Returns the instance's id; throws on an unknown key and a failed load. */
  async manualLoad(key: string, contextTokens?: number): Promise<string> {
    const model = this.#studio.modelOf(key)
    if (!model) throw new TypeError(`the fake has no ${key}`)
    return (await this.#studio.load(model, { loadedBy: 'person', ttlMs: Infinity, contextTokens })).id
  }

  /** A person ejects an instance: answers under way fail. False when it is not loaded. */
  manualUnload(id: string): boolean {
    return this.#end(id, 'unloaded')
  }

  /** The process of an instance dies: it is gone, and answers under way fail. False when it is not loaded. */
  crash(id: string): boolean {
    return this.#end(id, 'crashed')
  }

  /** The application ends: connections break, nothing stays loaded. */
  async stop(): Promise<void> {
    const closed = this.#http.close()
    this.#studio.close()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #end(id: string, by: 'unloaded' | 'crashed'): boolean {
    const instance = this.#studio.instance(id)
    if (instance) this.#studio.unload(instance, by)
    return instance !== undefined
  }
}

/** Flags of the program: times in milliseconds, memory in bytes. */
const FLAGS = {
  port: { type: 'string', default: '1234' },
  version: { type: 'string', default: '0.4.25' },
  'no-jit': { type: 'boolean' },
  'no-auto-evict': { type: 'boolean' },
  'api-token': { type: 'string' },
  'guardrail-limit-bytes': { type: 'string' },
  'load-delay': { type: 'string' },
  'unload-delay': { type: 'string' },
  'token-delay': { type: 'string' },
  'answer-tokens': { type: 'string' },
  'context-tokens': { type: 'string' },
  'crash-after-tokens': { type: 'string' },
  /** `key=text`: its loads fail so. */
  'load-failure': { type: 'string', multiple: true },
} as const

/** Options from the arguments of a command line. Throws on an unknown flag, and on a value that is no number. */
export function readFlags(args: readonly string[]): FakeLmStudioOptions {
  const { values } = parseArgs({ args: [...args], options: FLAGS })
  const number = (flag: keyof typeof FLAGS): number | undefined => {
    const text = values[flag]
    if (text === undefined) return undefined
    if (typeof text !== 'string' || !/^\d+$/.test(text)) throw new TypeError(`--${flag} is a whole number`)
    return Number(text)
  }
  const failures = (values['load-failure'] ?? []).map((pair): [string, string] => {
    const middle = pair.indexOf('=')
    if (middle < 0) throw new TypeError(`--load-failure has the form key=text, not '${pair}'`)
    return [pair.slice(0, middle), pair.slice(middle + 1)]
  })
  const knobs = {
    port: number('port'),
    apiToken: values['api-token'],
    guardrailLimitBytes: number('guardrail-limit-bytes'),
    loadDelayMs: number('load-delay'),
    unloadDelayMs: number('unload-delay'),
    tokenDelayMs: number('token-delay'),
    answerTokens: number('answer-tokens'),
    contextTokens: number('context-tokens'),
    crashAfterTokens: number('crash-after-tokens'),
    isJit: values['no-jit'] === true ? false : undefined,
    isAutoEvicting: values['no-auto-evict'] === true ? false : undefined,
    loadFailures: new Map(failures),
  }
  const given = Object.fromEntries(Object.entries(knobs).filter(([, value]) => value !== undefined))
  return { version: values.version, ...given }
}

if (import.meta.main) {
  const fake = await FakeLmStudio.start(readFlags(process.argv.slice(2)))
  process.stdout.write(`fake LM Studio listens on ${fake.url}\n`)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  await fake.stop()
}
