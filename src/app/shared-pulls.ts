import { resourceError } from '../spec/errors.ts'
import type { DownloadProgress } from '../spec/model-library.ts'

type Fetch = (name: string, onProgress: (progress: DownloadProgress) => void, signal: AbortSignal) => Promise<unknown>

interface Running {
  readonly listeners: Set<(progress: DownloadProgress) => void>
  readonly stop: AbortController
  readonly done: Promise<unknown>
}

/** Most downloads at once. */
export const MAX_PULLS = 4

/** Downloads by name, one a name: two of them would write the same file. */
export class SharedPulls {
  readonly #fetch: Fetch
  readonly #running = new Map<string, Running>()

  constructor(fetch: Fetch) {
    this.#fetch = fetch
  }

  /** Joins what runs, or begins. Leaving ends the download when nobody else waits for it. */
  async pull(name: string, onProgress: (progress: DownloadProgress) => void, signal: AbortSignal): Promise<void> {
    // One that everybody left has to end first: it still writes.
    for (let old = this.#running.get(name); old?.stop.signal.aborted; old = this.#running.get(name)) {
      await Promise.allSettled([old.done])
    }
    if (signal.aborted) throw cancelled()
    const running = this.#running.get(name) ?? this.#begin(name)
    // Of its own for each caller: one function may be passed twice.
    const listener = (progress: DownloadProgress): void => onProgress(progress)
    running.listeners.add(listener)
    let leave = (): void => {}
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(cancelled())
      signal.addEventListener('abort', leave, { once: true })
    })
    try {
      await Promise.race([running.done, left])
    } finally {
      signal.removeEventListener('abort', leave)
      running.listeners.delete(listener)
      if (running.listeners.size === 0) this.#end(name, running)
    }
  }

  #begin(name: string): Running {
    if (this.#running.size >= MAX_PULLS) {
      const message = `${MAX_PULLS} models are being pulled already. Try again when one of them is here.`
      throw resourceError('too-many-downloads', message)
    }
    const listeners: Running['listeners'] = new Set()
    const stop = new AbortController()
    const tell = (progress: DownloadProgress): void => listeners.forEach((listener) => listener(progress))
    const running = { listeners, stop, done: this.#fetch(name, tell, stop.signal) }
    this.#running.set(name, running)
    return running
  }

  #end(name: string, { stop, done }: Running): void {
    stop.abort()
    // Nobody waits for how it ends; until it has ended nobody may begin the same one.
    const forget = (): void => void this.#running.delete(name)
    done.then(forget, forget)
  }
}

function cancelled(): Error {
  return resourceError('request-cancelled', 'The client left before the model was here.')
}
