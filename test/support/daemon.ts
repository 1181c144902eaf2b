import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { GrymClient } from '../../src/client/grym-client.ts'
import { readEnvironment } from '../../src/config/environment.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface DaemonOptions {
  readonly flags?: readonly string[]
  /** Folder with models; without one the daemon downloads its own. */
  readonly models?: string
  /** State folder. Default: a fresh one that goes with the daemon. */
  readonly home?: string
  /** More variables. */
  readonly env?: Readonly<Record<string, string>>
}

/** A daemon in a process of its own, as `grym serve` starts it. */
export class Daemon implements AsyncDisposable {
  readonly client: GrymClient
  readonly home: string
  readonly #child: ChildProcess
  readonly #isHomeOurs: boolean

  private constructor(child: ChildProcess, url: string, home: string, isHomeOurs: boolean) {
    this.#child = child
    this.client = new GrymClient(url)
    this.home = home
    this.#isHomeOurs = isHomeOurs
  }

  get url(): string {
    return this.client.url
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Resolves once requests are served. */
  static async start({ flags = [], models, home, env: more = {} }: DaemonOptions = {}): Promise<Daemon> {
    const folder = home ?? (await mkdtemp(join(tmpdir(), 'grym-daemon-')))
    const env = { ...readEnvironment(), GRYM_HOME: folder, GRYM_MODELS: models, GRYM_HOST: undefined, ...more }
    const args = ['--use-system-ca', MAIN, 'serve', '--port', '0', ...flags]
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const said: string[] = []
    child.stderr.on('data', (data: Buffer) => said.push(data.toString('utf8')))
    const url = await listeningUrl(child, said)
    const daemon = new Daemon(child, url, folder, home === undefined)
    while (!(await fetch(`${url}/health`)).ok) await new Promise((resolve) => setTimeout(resolve, 50))
    return daemon
  }

  /** Asks without streaming. */
  async ask(model: string, content: string, changes: object = {}): Promise<Response> {
    const messages = [{ role: 'user', content }]
    return this.post('/v1/chat/completions', { model, messages, temperature: 0, max_tokens: 4, ...changes })
  }

  async post(path: string, body: unknown): Promise<Response> {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const headers = { 'content-type': 'application/json' }
    return fetch(`${this.url}${path}`, { method: 'POST', headers, body: text })
  }

  /** Pid of the engine that holds this model. */
  async workerPid(model: string): Promise<number | undefined> {
    const { models } = await this.client.status()
    return models.find(({ id }) => id === model)?.pid ?? undefined
  }

  /** Asks it to end; returns its exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill(signal)
      await once(this.#child, 'exit')
    }
    return this.#child.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    if (this.#isHomeOurs) await rm(this.home, { recursive: true, force: true })
  }
}

async function listeningUrl(child: ChildProcess, said: readonly string[]): Promise<string> {
  if (!child.stdout) throw new Error('the daemon has no stdout')
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^grym listening on (http:\/\/\S+)$/.exec(line)?.[1]
    if (url === undefined) throw new Error(`the first line of the daemon was '${line}'`)
    child.stdout.resume()
    return url
  }
  throw new Error(`the daemon ended before it listened: ${said.join('')}`)
}
