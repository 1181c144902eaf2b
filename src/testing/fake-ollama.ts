import { once } from 'node:events'
import { parseArgs } from 'node:util'
import type { Clock } from '../spec/clock.ts'
import { FakeEngine } from './ollama/engine.ts'
import { parseGoDurationMs, readKeepAliveMs } from './ollama/keep-alive.ts'
import { defaultKnobs, type FakeOllamaCounters, type FakeOllamaKnobs } from './ollama/knobs.ts'
import { DEFAULT_MODELS, type FakeModel } from './ollama/models.ts'
import type { FakeScheduler } from './ollama/scheduler.ts'
import type { SeenRequest } from './http/loopback-server.ts'
import { FakeHttpServer } from './ollama/server.ts'
import { WallClock } from './time/wall-clock.ts'

/** How a fake server begins; its knobs can be turned later. */
export interface FakeOllamaOptions extends Partial<FakeOllamaKnobs> {
  /** Port on loopback. Default 0: a free one. */
  readonly port?: number
  /** `0.17.4` (its own runner) or from `0.30` on (llama-server): they reload and refuse differently. Default `0.33.0`. */
  readonly version?: string
  /** What is on disk. Default {@link DEFAULT_MODELS}. */
  readonly models?: readonly FakeModel[]
  /** Default: real time. */
  readonly clock?: Clock
}

/** What can be seen of a runner from outside of Ollama. */
export interface FakeOllamaProcess {
  /** Unique within one server; no process of the system has it. */
  readonly pid: number
  /** 64 hex digits of its weights. */
  readonly blob: string
  readonly bytes: number
}

/**
 * An Ollama without models: its HTTP, its scheduler, its counting and its errors, over answers made from the prompt
 * (`answering/tokens.ts` says what a token is). Written by Ollama's source, not by a recording of one that ran.
 */
export class FakeOllama {
  readonly url: string
  readonly port: number
  /** Turned by tests while it runs. */
  readonly knobs: FakeOllamaKnobs
  readonly #engine: FakeEngine
  readonly #server: FakeHttpServer

  private constructor(engine: FakeEngine, server: FakeHttpServer, port: number) {
    this.#engine = engine
    this.#server = server
    this.knobs = engine.knobs
    this.port = port
    this.url = `http://127.0.0.1:${port}`
  }

  /** Listens, and resolves when it does. Rejects with Node's error when the port is taken. */
  static async start(options: FakeOllamaOptions = {}): Promise<FakeOllama> {
    const { port = 0, version = '0.33.0', models = DEFAULT_MODELS, clock = new WallClock(), ...knobs } = options
    const engine = new FakeEngine(version, clock, { ...defaultKnobs(), ...knobs }, models)
    const server = new FakeHttpServer(engine)
    return new FakeOllama(engine, server, await server.listen(port))
  }

  /** What happened so far. */
  get counters(): Readonly<FakeOllamaCounters> {
    return this.#engine.counters
  }

  /** Every request that came, oldest first. */
  get requests(): readonly SeenRequest[] {
    return this.#server.seen
  }

  /** Requests that wait behind the one that loads. */
  get queuedCount(): number {
    return this.#engine.scheduler.queuedCount
  }

  /** Memory that models take, and what those that left have not given back yet. */
  get usedBytes(): number {
    return this.#engine.scheduler.usedBytes
  }

  /** What is loaded, by the name that loaded it, with the number of requests that use it. */
  get loaded(): readonly { readonly name: string; readonly state: string; readonly useCount: number }[] {
    const { runners }: FakeScheduler = this.#engine.scheduler
    return runners.map(({ model, state, useCount }) => ({ name: model.name, state, useCount }))
  }

  /** What stands for processes of models: those that crashed and are still listed are none any more. */
  get processes(): readonly FakeOllamaProcess[] {
    const { runners }: FakeScheduler = this.#engine.scheduler
    const living = runners.filter(({ died }) => !died.aborted)
    return living.map(({ pid, blob, memory }) => ({ pid, blob, bytes: memory.sizeBytes }))
  }

  /** The process of a model dies: answers under way fail, the next request loads again. False when it has none. */
  crashRunner(name: string): boolean {
    return this.#engine.scheduler.crash(this.#engine.store.find(name))
  }

  /** The whole server dies: connections break, new ones are refused, nothing stays loaded. */
  async stop(): Promise<void> {
    const closed = this.#server.close()
    this.#engine.scheduler.close()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** Flags of the program: times as Go durations, memory in bytes. */
const FLAGS = {
  port: { type: 'string', default: '11434' },
  version: { type: 'string', default: '0.33.0' },
  'load-delay': { type: 'string' },
  'unload-delay': { type: 'string' },
  'freed-memory-lag': { type: 'string' },
  'token-delay': { type: 'string' },
  'keep-alive': { type: 'string' },
  'max-queue': { type: 'string' },
  'max-loaded-models': { type: 'string' },
  'num-parallel': { type: 'string' },
  'memory-bytes': { type: 'string' },
  'vram-bytes': { type: 'string' },
  'answer-tokens': { type: 'string' },
  /** `model=text`: its loads fail so. */
  'load-failure': { type: 'string', multiple: true },
  /** `model=3:text`: its answers fail so after 3 tokens. */
  'run-failure': { type: 'string', multiple: true },
  /** `name={"argument":1}`: a chat with tools is answered so. */
  'tool-call': { type: 'string', multiple: true },
} as const

/** Options from the arguments of a command line. Throws on an unknown flag, and on a value that is no duration or number. */
export function readFlags(args: readonly string[]): FakeOllamaOptions {
  const { values } = parseArgs({ args: [...args], options: FLAGS })
  const written = (flag: keyof typeof FLAGS): string | undefined => values[flag] as string | undefined
  const pairs = (flag: 'load-failure' | 'run-failure' | 'tool-call'): (readonly [string, string])[] =>
    (values[flag] ?? []).map((pair) => {
      const middle = pair.indexOf('=')
      if (middle < 0) throw new TypeError(`--${flag} has the form name=value, not '${pair}'`)
      return [pair.slice(0, middle), pair.slice(middle + 1)]
    })
  const duration = (flag: keyof typeof FLAGS): number | undefined => {
    const text = written(flag)
    return text === undefined ? undefined : parseGoDurationMs(text)
  }
  const number = (flag: keyof typeof FLAGS): number | undefined => {
    const text = written(flag)
    if (text === undefined) return undefined
    if (!/^\d+$/.test(text)) throw new TypeError(`--${flag} is a whole number, not '${text}'`)
    return Number(text)
  }
  const knobs = {
    port: number('port'),
    loadDelayMs: duration('load-delay'),
    unloadDelayMs: duration('unload-delay'),
    freedMemoryLagMs: duration('freed-memory-lag'),
    tokenDelayMs: duration('token-delay'),
    keepAliveMs: readKeepAliveMs(written('keep-alive')),
    maxQueue: number('max-queue'),
    maxLoadedModels: number('max-loaded-models'),
    numParallel: number('num-parallel'),
    memoryBytes: number('memory-bytes'),
    vramBytes: number('vram-bytes'),
    answerTokens: number('answer-tokens'),
    loadFailures: new Map(pairs('load-failure')),
    runFailures: new Map(pairs('run-failure').map(readRunFailure)),
    toolCalls: pairs('tool-call').map(([name, json]) => ({ name, arguments: JSON.parse(json) as object })),
  }
  const given = Object.fromEntries(Object.entries(knobs).filter(([, value]) => value !== undefined))
  return { version: values.version, ...given }
}

function readRunFailure([name, value]: readonly [string, string]): [string, { afterTokens: number; text: string }] {
  const [, count, text] = /^(\d+):(.*)$/s.exec(value) ?? []
  if (count === undefined || text === undefined) throw new TypeError(`--run-failure has the form model=3:text`)
  return [name, { afterTokens: Number(count), text }]
}

if (import.meta.main) {
  const fake = await FakeOllama.start(readFlags(process.argv.slice(2)))
  process.stdout.write(`fake Ollama listens on ${fake.url}\n`)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  await fake.stop()
}
