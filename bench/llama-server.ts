import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { freePort } from '../src/providers/server/free-port.ts'
import { llamaServerCommand } from '../src/providers/server/llama-server-command.ts'
import { DEFAULT_ENGINE_OPTIONS } from '../src/spec/model.ts'
import { usableCores } from '../src/system/cpu-cores.ts'
import { type ChatServer, CONTEXT_TOKENS, openAiFirstTextMs } from './chat-server.ts'
import { timed } from './report.ts'

const READY_INTERVAL_MS = 25
const START_DEADLINE_MS = 60_000

/**
 * The command with which grym serves a file, so that nothing but who manages it is another.
 *
 * @param stateFolder where it saves its slots. Default: it does not.
 */
export function llamaServerOf(binary: string, modelPath: string, stateFolder?: string): readonly string[] {
  const definition = { contextTokens: CONTEXT_TOKENS, parallel: 1, engine: DEFAULT_ENGINE_OPTIONS }
  return llamaServerCommand({ binary, modelPath, definition, threads: usableCores(), stateFolder })
}

/** One llama-server process that is ready. */
export class LlamaServerProcess implements AsyncDisposable {
  readonly url: string
  readonly #child: ChildProcess
  readonly #log: string[] = []

  private constructor(url: string, child: ChildProcess) {
    this.url = url
    this.#child = child
    child.stderr?.on('data', (data: Buffer) => this.#log.push(data.toString('utf8')))
  }

  /** @param command with `${port}` in the place of its port. */
  static async start(command: readonly string[], signal: AbortSignal): Promise<LlamaServerProcess> {
    const port = String(await freePort())
    const [program = '', ...args] = command.map((word) => word.replace('${port}', port))
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const server = new LlamaServerProcess(`http://127.0.0.1:${port}`, child)
    try {
      await server.#untilReady(AbortSignal.any([signal, AbortSignal.timeout(START_DEADLINE_MS)]))
      return server
    } catch (error) {
      await server[Symbol.asyncDispose]()
      throw error
    }
  }

  get #isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async #untilReady(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      if (this.#isOver) throw new Error(`llama-server ended before it was ready:\n${this.#log.join('').slice(-2_000)}`)
      const isReady = await fetch(`${this.url}/health`, { signal }).then(
        ({ ok }) => ok,
        // Nobody listens yet.
        () => false,
      )
      if (isReady) return
      await setTimeout(READY_INTERVAL_MS)
    }
  }

  /** @param stopSignal an idle llama-server loses nothing by `SIGKILL`; a router has children that it ends itself. */
  async stop(stopSignal: NodeJS.Signals): Promise<void> {
    if (this.#isOver) return
    const ended = once(this.#child, 'exit')
    this.#child.kill(stopSignal)
    await ended
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop('SIGTERM')
  }
}

/** What a manager could not do faster by hand: kill one server, start the other, ask it when it says that it is ready. */
export class BareLlamaServer implements ChatServer {
  readonly name = 'llama_server_bare'
  readonly #binary: string
  readonly #folder: string
  #held: { readonly model: string; readonly server: LlamaServerProcess } | undefined

  constructor(binary: string, folder: string) {
    this.#binary = binary
    this.#folder = folder
  }

  async firstTextMs(model: string, question: string, signal: AbortSignal): Promise<number> {
    let url = ''
    const startMs = await timed(async () => ({ url } = await this.#hold(model, signal)))
    return startMs + (await openAiFirstTextMs(url, model, question, signal))
  }

  async #hold(model: string, signal: AbortSignal): Promise<LlamaServerProcess> {
    if (this.#held?.model === model) return this.#held.server
    await this.#held?.server.stop('SIGKILL')
    this.#held = undefined
    const command = llamaServerOf(this.#binary, join(this.#folder, `${model}.gguf`))
    const server = await LlamaServerProcess.start(command, signal)
    this.#held = { model, server }
    return server
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held?.server[Symbol.asyncDispose]()
  }
}

/** llama.cpp's own manager: a llama-server that starts one for each model of a folder. */
export class LlamaRouter implements ChatServer {
  readonly name = 'llama_router'
  readonly #server: LlamaServerProcess

  private constructor(server: LlamaServerProcess) {
    this.#server = server
  }

  static async start(binary: string, folder: string, signal: AbortSignal): Promise<LlamaRouter> {
    // Its children inherit its flags.
    const [program = '', ...args] = llamaServerOf(binary, '')
    const shared = args.filter((_, index) => args[index] !== '--model' && args[index - 1] !== '--model')
    const command = [program, '--models-dir', folder, '--models-max', '1', ...shared]
    return new LlamaRouter(await LlamaServerProcess.start(command, signal))
  }

  firstTextMs(model: string, question: string, signal: AbortSignal): Promise<number> {
    return openAiFirstTextMs(this.#server.url, model, question, signal)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]()
  }
}
