import { libraryConfig } from '../app/library-config.ts'
import type { Library, LibraryMode } from '../app/library.ts'
import { stayFor } from '../app/stay-for.ts'
import { type ResourceError, resourceError, toErrorData } from '../spec/errors.ts'
import type { GrymEvent } from '../spec/events.ts'
import type { GrymServices } from '../spec/services.ts'

/** How long a call waits until what it caused was heard of by listeners, when another process serves, ms. */
const CATCH_UP_MS = 2_000

export interface ConnectionOptions {
  readonly home: string | undefined
  readonly mode: LibraryMode
  /** Resolves once listeners have been told. */
  readonly onEvent: (event: GrymEvent, services: GrymServices) => void | Promise<void>
  /** A change of the configuration was refused by the process that serves; what was in force there stays so. */
  readonly onRefused: (error: ResourceError) => void
}

/**
 * The way from a library to an instance of grym. Nothing is opened before the first call; when the instance was in
 * another process and that one is gone, the next call opens another.
 */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #changes: unknown[] = []
  #opening: Promise<Library> | undefined
  #open: Library | undefined
  #configured: Promise<void> = Promise.resolve()
  #unsubscribe: (() => void) | undefined
  #heardEventId = 0
  #listening = false
  #waiters: { readonly eventId: number; resolve(): void }[] = []
  #isDestroyed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /** Checked at once, in force before the next call. Throws `config-invalid`; then nothing has changed. */
  configure(change: unknown): void {
    this.#refuseDestroyed()
    libraryConfig(this.#options.home, [...this.#changes, change])
    const own = structuredClone(change)
    const applied = this.#open?.configure(own)
    this.#changes.push(own)
    if (applied) {
      this.#configured = Promise.all([this.#configured, applied]).then(
        () => undefined,
        (error: unknown) => this.#refused(own, error),
      )
    }
  }

  /** Listeners want to hear of everything from now on. */
  listen(): void {
    this.#listening = true
    // Where that fails the next call finds out why, and follows what it finds.
    if (this.#open) this.#follow(this.#open).catch(() => undefined)
  }

  /** Calls the instance; one that is gone is replaced once, where the mode allows it. */
  call<Result>(work: (library: Library) => Promise<Result>): Promise<Result> {
    return stayFor(this.#call(work))
  }

  async #call<Result>(work: (library: Library) => Promise<Result>): Promise<Result> {
    const library = await this.#library()
    try {
      return await this.#heard(library, await work(library))
    } catch (error) {
      const isGone = toErrorData(error).reason === 'daemon-unreachable'
      if (!isGone || library.isEmbedded || this.#options.mode !== 'auto' || this.#isDestroyed) throw error
      this.#drop(library)
      const next = await this.#library()
      return this.#heard(next, await work(next))
    }
  }

  /** At once: nothing is left running. */
  destroy(): void {
    this.#isDestroyed = true
    this.#unsubscribe?.()
    for (const waiter of this.#waiters.splice(0)) waiter.resolve()
    if (this.#open) this.#open.destroy()
    // One that is still being opened ends as soon as it is there.
    else {
      this.#opening?.then(
        (library) => library.destroy(),
        () => undefined,
      )
    }
    this.#open = undefined
    this.#opening = undefined
  }

  async #library(): Promise<Library> {
    this.#refuseDestroyed()
    this.#opening ??= this.#start()
    const library = await this.#opening
    if (this.#listening) await this.#follow(library).catch(() => undefined)
    await this.#configured
    this.#refuseDestroyed()
    return library
  }

  async #start(): Promise<Library> {
    try {
      const { openLibrary } = await import('../app/library.ts')
      const { home, mode } = this.#options
      const applied = this.#changes.length
      const library = await openLibrary({ home, mode, changes: [...this.#changes] })
      if (this.#isDestroyed) return library
      this.#open = library
      for (const change of this.#changes.slice(applied)) await library.configure(change)
      if (this.#listening) await this.#follow(library)
      return library
    } catch (error) {
      this.#opening = undefined
      if (this.#open) this.#drop(this.#open)
      throw error
    }
  }

  async #follow(library: Library): Promise<void> {
    if (this.#unsubscribe || this.#isDestroyed) return
    const { services } = library
    // In this process events come at once; from another one those since this moment, however long the way is.
    let after: number | undefined
    if (!library.isEmbedded) {
      const begun = (): void => undefined
      this.#unsubscribe = begun
      try {
        after = (await services.manager.status()).lastEventId
      } catch (error) {
        if (this.#unsubscribe === begun) this.#unsubscribe = undefined
        throw error
      }
      if (this.#isDestroyed || this.#open !== library) return
      this.#heardEventId = after
    }
    this.#unsubscribe = services.manager.subscribe(after, (event) => {
      const told = this.#options.onEvent(event, services)
      if (told) void told.then(() => this.#noteHeard(event.id))
      else this.#noteHeard(event.id)
    })
  }

  #noteHeard(eventId: number): void {
    this.#heardEventId = Math.max(this.#heardEventId, eventId)
    this.#waiters = this.#waiters.filter((waiter) => {
      if (waiter.eventId > eventId) return true
      waiter.resolve()
      return false
    })
  }

  /** From another process: what a call has caused is told to listeners before the call is over. */
  async #heard<Result>(library: Library, result: Result): Promise<Result> {
    if (library.isEmbedded || !this.#unsubscribe || this.#isDestroyed) return result
    const { lastEventId } = await library.services.manager.status()
    if (lastEventId <= this.#heardEventId) return result
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CATCH_UP_MS)
      this.#waiters.push({
        eventId: lastEventId,
        resolve() {
          clearTimeout(timer)
          resolve()
        },
      })
    })
    return result
  }

  #drop(library: Library): void {
    if (this.#open !== library) return
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.#open = undefined
    this.#opening = undefined
    library.destroy()
  }

  #refused(change: unknown, error: unknown): void {
    this.#changes.splice(this.#changes.indexOf(change), 1)
    const { reason, message } = toErrorData(error)
    this.#options.onRefused(resourceError(reason, message, { cause: error }))
  }

  #refuseDestroyed(): void {
    if (!this.#isDestroyed) return
    const message = 'This resource manager was destroyed. Make another one with createResourceManager().'
    throw resourceError('shutting-down', message)
  }
}
