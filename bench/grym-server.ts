import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { readEnvironment } from '../src/config/environment.ts'
import { Daemon } from '../test/support/daemon.ts'
import { type ChatServer, CONTEXT_TOKENS, openAiFirstTextMs } from './chat-server.ts'

const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))

export interface GrymServerOptions {
  readonly name: string
  /** An empty folder, or none yet. */
  readonly home: string
  /** Text of `grym.yaml`. */
  readonly config: string
  /** Variables that say where engines are. */
  readonly env: Readonly<Record<string, string>>
  /** Folder with GGUF files. Default: none. */
  readonly models?: string
  /** One that is here, so that none is downloaded. */
  readonly defaultModel: string
}

/** A grym daemon with room for one model. */
export class GrymServer implements ChatServer {
  readonly name: string
  readonly #options: GrymServerOptions
  readonly #daemon: Daemon
  readonly #env: Readonly<Record<string, string>>

  private constructor(options: GrymServerOptions, daemon: Daemon, env: Readonly<Record<string, string>>) {
    this.name = options.name
    this.#options = options
    this.#daemon = daemon
    this.#env = env
  }

  static async start(options: GrymServerOptions): Promise<GrymServer> {
    const { home, config, models, defaultModel } = options
    await mkdir(home, { recursive: true })
    await writeFile(join(home, 'grym.yaml'), config)
    // Only the engines of this program, whatever else runs here.
    const env = {
      ...{ GRYM_USE_OLLAMA_MODELS: 'no', GRYM_OLLAMA_URL: 'off', GRYM_LM_STUDIO_URL: 'off' },
      ...{ GRYM_CONFIG: join(home, 'grym.yaml'), GRYM_CONTEXT_TOKENS: String(CONTEXT_TOKENS) },
      ...options.env,
    }
    const flags = ['--max-models', '1', '--default-model', defaultModel]
    const daemon = await Daemon.start({ home, env, flags, ...(models !== undefined && { models }) })
    return new GrymServer(options, daemon, env)
  }

  get url(): string {
    return this.#daemon.url
  }

  get pid(): number {
    return this.#daemon.pid
  }

  firstTextMs(model: string, question: string, signal: AbortSignal): Promise<number> {
    return openAiFirstTextMs(this.#daemon.url, model, question, signal)
  }

  /** What grym says before a load that the model takes, bytes; before it has learned anything. */
  async estimatedBytes(model: string): Promise<number> {
    const { home, models } = this.#options
    const env = { ...readEnvironment(), ...this.#env, GRYM_HOME: home, GRYM_MODELS: models }
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, 'show', model, '--json'], { env })
    return (JSON.parse(stdout) as { totalBytes: number }).totalBytes
  }

  /** What it takes by what was measured; `undefined` = it was not measured. */
  async measuredBytes(model: string): Promise<number | undefined> {
    const { models } = await this.#daemon.client.status()
    const found = models.find(({ id }) => id === model || id === `${model}:latest`)
    return found?.footprintSource === 'measured' ? found.footprintBytes : undefined
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#daemon[Symbol.asyncDispose]()
  }
}
