import type { Clock } from '../spec/clock.ts'
import type { SeenRequest } from './http/loopback-server.ts'
import { LlamaEngine } from './llama-server/engine.ts'
import { readFakeFlags } from './llama-server/fake-flags.ts'
import type { FakeLlamaCounters, FakeLlamaKnobs } from './llama-server/knobs.ts'
import { type LaunchOptions, readLaunchOptions } from './llama-server/launch-options.ts'
import { type LogLine, logText } from './llama-server/model-file.ts'
import { LlamaHttp } from './llama-server/server.ts'
import { WallClock } from './time/wall-clock.ts'

/** How a fake server begins; its knobs can be turned later. */
export interface FakeLlamaServerOptions extends Partial<FakeLlamaKnobs> {
  /** As on llama-server's command line: `['-m', path, '-c', '4096']`. The model's file has to begin like a GGUF. */
  readonly args: readonly string[]
  /** Port on loopback, when it is not among the arguments. Default 0: a free one. */
  readonly port?: number
  /** Default: real time. */
  readonly clock?: Clock
  /** The process dies. Default: the server stops as a killed one does. */
  readonly onCrash?: () => void
}

/**
 * A llama-server without a model: its HTTP, slots, caches, counts and errors, over answers made from the prompt
 * (`answering/tokens.ts` says what a token is). Written by the source of llama.cpp b11434. A named `tool_choice` counts as
 * `auto` and `top_logprobs: 0` as none, as there. What it has not: images, several choices (`n`), several prompts at
 * once, `/infill`, reranking, LoRA, the Responses and Messages dialects, the router.
 */
export class FakeLlamaServer {
  readonly url: string
  readonly port: number
  /** Turned by tests while it runs. */
  readonly knobs: FakeLlamaKnobs
  /** Settles when the model is loaded, with nothing, or cannot be, with the lines that the real one writes and ends after. */
  readonly loaded: Promise<readonly LogLine[] | undefined>
  readonly #engine: LlamaEngine
  readonly #http: LlamaHttp
  readonly #dead = new AbortController()

  private constructor(engine: LlamaEngine, http: LlamaHttp, port: number) {
    this.#engine = engine
    this.#http = http
    this.knobs = engine.knobs
    this.port = port
    this.url = `http://${engine.options.host}:${port}`
    this.loaded = engine.load(this.#dead.signal)
  }

  /** Listens, and resolves when it does; the model is loaded afterwards. Rejects with Node's error when the port is taken. */
  static async start(options: FakeLlamaServerOptions): Promise<FakeLlamaServer> {
    const { args, port = 0, clock = new WallClock(), onCrash, ...knobs } = options
    const launch: LaunchOptions = readLaunchOptions(args)
    const engine = new LlamaEngine(launch, clock, knobs, () => (onCrash ? onCrash() : void fake.stop()))
    const http = new LlamaHttp(engine)
    const isPortGiven = args.includes('--port')
    const fake = new FakeLlamaServer(engine, http, await http.listen(isPortGiven ? launch.port : port, launch.host))
    return fake
  }

  /** What happened so far. */
  get counters(): Readonly<FakeLlamaCounters> {
    return this.#engine.counters
  }

  /** Every request that came, oldest first. */
  get requests(): readonly SeenRequest[] {
    return this.#http.seen
  }

  /** What the slots hold, and requests that wait for one. */
  get slots(): { readonly heldTokens: readonly number[]; readonly busyCount: number; readonly waitingCount: number } {
    const { slots, waitingCount } = this.#engine.pool
    const busyCount = slots.filter(({ isBusy }) => isBusy).length
    return { heldTokens: slots.map(({ tokens }) => tokens.length), busyCount, waitingCount }
  }

  /**
   * SIGTERM: nothing is computed any more and no connection taken. Resolves when those that are open have ended: a silent
   * stream at its next comment, any other request when its client leaves.
   */
  async terminate(): Promise<void> {
    this.#engine.end()
    await this.#http.drain()
    this.#dead.abort()
  }

  /** Killed: connections break, new ones are refused. */
  async stop(): Promise<void> {
    this.#dead.abort()
    await this.#http.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** Runs it as the program that it stands for. */
async function main(args: readonly string[]): Promise<void> {
  const { knobs, rest } = readFakeFlags(args)
  const log = (line: LogLine): void => void process.stderr.write(`${logText(line, performance.now())}\n`)
  const crash = (): void => void process.kill(process.pid, knobs.crashSignal ?? 'SIGABRT')
  const { host, port } = readLaunchOptions(rest)
  let fake: FakeLlamaServer
  try {
    fake = await FakeLlamaServer.start({ ...knobs, args: ['--port', String(port), ...rest], onCrash: crash })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== 'listen') throw error
    log(`E srv         start: couldn't bind HTTP server socket, hostname: ${host}, port: ${port}`)
    log('I srv    operator(): operator(): cleaning up before exit...')
    log('E srv  llama_server: exiting due to HTTP server error')
    process.exit(1)
  }
  const failure = await fake.loaded
  if (failure) {
    for (const line of failure) log(line)
    process.exit(1)
  }
  log('I srv  llama_server: model loaded')
  log(`I srv  llama_server: listening on ${fake.url}`)
  // Before it is loaded a signal ends it at once, as the real one takes signals only from here on.
  let isEnding = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isEnding) {
        process.stderr.write('Received second interrupt, terminating immediately.\n')
        process.exit(1)
      }
      isEnding = true
      void fake.terminate().then(() => process.exit(0))
    })
  }
}

if (import.meta.main) await main(process.argv.slice(2))
