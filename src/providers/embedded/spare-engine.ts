import type { Clock } from '../../spec/clock.ts'
import type { SpareKeeper, SpareProcess } from '../../spec/provider.ts'
import type { EngineProcess } from './engine-process.ts'

/** How long it stays after the last model has left, ms. */
const LINGER_MS = 60_000

export interface SpareEngineOptions {
  readonly clock: Clock
  readonly start: () => EngineProcess
  readonly measure: (process: EngineProcess) => Promise<number | undefined>
}

/** A process that has its library loaded and waits for a model: half of a load's time is over before it is asked for. */
export class SpareEngine implements SpareKeeper {
  readonly #options: SpareEngineOptions
  readonly #listeners: ((spare: SpareProcess | undefined) => void)[] = []
  #process: EngineProcess | undefined

  constructor(options: SpareEngineOptions) {
    this.#options = options
  }

  onChanged(listener: (spare: SpareProcess | undefined) => void): void {
    this.#listeners.push(listener)
  }

  /** Starts one, unless there is one. */
  keep(): void {
    if (this.#process) return
    const process = this.#options.start()
    this.#process = process
    // Lost or taken meanwhile: that is told where it happens.
    this.#announce(process).catch(() => undefined)
  }

  /** It is the caller's from now on; `undefined` = there is none. */
  take(): EngineProcess | undefined {
    const process = this.#process
    this.#process = undefined
    if (process) this.#tell(undefined)
    return process
  }

  async drop(): Promise<void> {
    await this.dispose()
    this.#tell(undefined)
  }

  /** The same, and nobody is told. */
  async dispose(): Promise<void> {
    const process = this.#process
    this.#process = undefined
    await process?.kill()
  }

  /** A model that leaves to make room is followed by another at once; when none comes, the spare goes as well. */
  dropWhen(isUnused: () => boolean): void {
    if (!this.#process || !isUnused()) return
    this.#options.clock.setTimer(LINGER_MS, () => {
      if (isUnused()) void this.drop()
    })
  }

  /** It ended by itself, which costs nobody anything; the next one is made after the next answer. */
  forget(process: EngineProcess): void {
    if (this.#process !== process) return
    this.#process = undefined
    this.#tell(undefined)
  }

  /** Tells what it takes, once its library is loaded: the answer to a first call. */
  async #announce(process: EngineProcess): Promise<void> {
    await process.setThreads(1)
    const bytes = await this.#options.measure(process)
    if (this.#process === process && process.pid !== undefined && bytes !== undefined)
      this.#tell({ pid: process.pid, bytes })
  }

  #tell(spare: SpareProcess | undefined): void {
    for (const listener of this.#listeners) listener(spare)
  }
}
