import { type ChildProcess, spawn } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileSha256 } from '../../src/system/file-digest.ts'

/** A model to make, from a GGUF file. */
export interface MadeModel {
  readonly name: string
  readonly path: string
  /** Go's; default: what Ollama knows for the template in the file. */
  readonly template?: string
  readonly parameters?: Readonly<Record<string, unknown>>
}

const START_DEADLINE_MS = 30_000

/** A real Ollama of its own: its own port, and a store of its own in a temporary folder, away with it at the end. */
export class RealOllamaServer implements AsyncDisposable {
  readonly url: string
  readonly #process: ChildProcess
  readonly #folder: string
  #log = ''

  private constructor(url: string, process: ChildProcess, folder: string) {
    this.url = url
    this.#process = process
    this.#folder = folder
    for (const stream of [process.stdout, process.stderr]) {
      stream?.on('data', (text: Buffer) => (this.#log = (this.#log + text.toString()).slice(-20_000)))
    }
  }

  /** What it printed last. */
  get log(): string {
    return this.#log
  }

  /** @param env more of Ollama's variables. */
  static async start(binary: string, env: Readonly<Record<string, string>> = {}): Promise<RealOllamaServer> {
    const folder = await mkdtemp(join(tmpdir(), 'grym-ollama-'))
    const address = `127.0.0.1:${await freePort()}`
    const child = spawn(binary, ['serve'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        OLLAMA_MODELS: join(folder, 'models'),
        OLLAMA_HOST: address,
        OLLAMA_NO_CLOUD: '1',
        ...env,
      },
    })
    const server = new RealOllamaServer(`http://${address}`, child, folder)
    const untilMs = Date.now() + START_DEADLINE_MS
    while (!(await server.#isReady())) {
      if (child.exitCode !== null || Date.now() > untilMs) throw new Error(`Ollama did not start:\n${server.log}`)
      await setTimeout(50)
    }
    return server
  }

  /** Makes a model of a file, as `ollama create` does. */
  async make({ name, path, template, parameters }: MadeModel): Promise<void> {
    const digest = `sha256:${await fileSha256(path)}`
    const upload = await fetch(`${this.url}/api/blobs/${digest}`, {
      method: 'POST',
      body: createReadStream(path),
      duplex: 'half',
    } as unknown as RequestInit)
    if (!upload.ok) throw new Error(`Ollama took no blob: ${await upload.text()}`)
    await this.post('/api/create', {
      model: name,
      files: { 'model.gguf': digest },
      ...(template !== undefined && { template }),
      ...(parameters && { parameters }),
      stream: false,
    })
  }

  /** Gives a model another name. */
  async copy(source: string, destination: string): Promise<void> {
    await this.post('/api/copy', { source, destination })
  }

  async post(path: string, body: object): Promise<unknown> {
    const response = await fetch(this.url + path, { method: 'POST', body: JSON.stringify(body) })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`)
    return text === '' ? undefined : (JSON.parse(text.split('\n').findLast((line) => line !== '') ?? '') as unknown)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill('SIGTERM')
      await ended
    }
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/api/version`)).ok
    } catch {
      return false
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
