import type { StateCacheKeeper } from '../spec/state-cache.ts'

/** Conversations that were deleted: their states on disk go, too. Those of one turn of the event loop go together. */
export class ForgottenStates {
  #cache: Pick<StateCacheKeeper, 'forgetConversations'> | undefined
  readonly #onFault: (error: unknown) => void
  #ids: string[] = []
  #last: Promise<void> = Promise.resolve()

  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault
  }

  /** The cache is open. */
  begin(cache: Pick<StateCacheKeeper, 'forgetConversations'>): void {
    this.#cache = cache
  }

  /** Called inside the store's transaction: nothing is done yet when it returns. */
  note(conversationId: string): void {
    this.#ids.push(conversationId)
    if (this.#ids.length === 1) this.#last = this.#last.then(() => this.#flush())
  }

  /** Everything noted so far is gone, or was told as a fault. */
  settled(): Promise<void> {
    return this.#last
  }

  async #flush(): Promise<void> {
    const ids = this.#ids
    this.#ids = []
    try {
      await this.#cache?.forgetConversations(ids)
    } catch (error) {
      this.#onFault(error)
    }
  }
}
