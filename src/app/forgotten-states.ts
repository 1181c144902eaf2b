/** Conversations that were deleted: their states on disk go, too. Those of one turn of the event loop go together. */
export class ForgottenStates {
  readonly #forget: (conversationIds: readonly string[]) => Promise<void>
  readonly #onFault: (error: unknown) => void
  #ids: string[] = []
  #last: Promise<void> = Promise.resolve()

  constructor(forget: (conversationIds: readonly string[]) => Promise<void>, onFault: (error: unknown) => void) {
    this.#forget = forget
    this.#onFault = onFault
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
      await this.#forget(ids)
    } catch (error) {
      this.#onFault(error)
    }
  }
}
