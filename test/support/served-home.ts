import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createResourceManager, type ResourceManager, type ResourceManagerOptions } from '../../src/index.ts'
import { writeDaemonFile } from '../../src/system/daemon-file.ts'
import { ServedManager } from './served-manager.ts'

/** A state folder whose running instance is a {@link ServedManager}, and libraries that use it. */
export class ServedHome implements AsyncDisposable {
  readonly home: string
  served: ServedManager
  readonly #open: ResourceManager[] = []

  private constructor(home: string, served: ServedManager) {
    this.home = home
    this.served = served
  }

  static async start(): Promise<ServedHome> {
    const ground = new ServedHome(await mkdtemp(join(tmpdir(), 'grym-served-')), await ServedManager.start())
    await ground.#announce()
    return ground
  }

  library(options: ResourceManagerOptions = {}): ResourceManager {
    const manager = createResourceManager({ mode: 'connect', ...options, home: this.home })
    this.#open.push(manager)
    return manager
  }

  /** The instance ends, and another one takes its place. */
  async replace(): Promise<void> {
    await this.served[Symbol.asyncDispose]()
    this.served = await ServedManager.start()
    await this.#announce()
  }

  async #announce(): Promise<void> {
    await writeDaemonFile(this.home, { pid: process.pid, url: this.served.url, version: '1.2.3', startedAtMs: 1 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const manager of this.#open) manager.destroy()
    await this.served[Symbol.asyncDispose]()
    await rm(this.home, { recursive: true, force: true })
  }
}
