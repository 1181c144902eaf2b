import { resourceError } from './errors.ts'

/** Chunks that wait for their reader before whoever asks for {@link AnswerChannel.room} has to wait. */
const MOST_WAITING = 4

/**
 * One answer on its way from the engine to one reader. The engine's side pushes and ends it; the reader iterates.
 * A reader that leaves (`return()`, as `break` in `for await` calls it) is told to the owner at once, even while a
 * `next()` is pending: an async generator would only notice after its current wait.
 *
 * It needs no bound of its own: an answer ends with the context window, so what can pile up is one window of text. Who
 * passes on what is larger than that asks for {@link room} first.
 */
export class AnswerChannel<Chunk> implements AsyncIterableIterator<Chunk> {
  readonly #chunks: Chunk[] = []
  readonly #onLeave: () => void
  #outcome: { readonly error?: Error } | undefined
  #onRoom: (() => void) | undefined
  readonly #readers: PromiseWithResolvers<IteratorResult<Chunk, undefined>>[] = []

  constructor(onLeave: () => void) {
    this.#onLeave = onLeave
  }

  get isOver(): boolean {
    return this.#outcome !== undefined
  }

  push(chunk: Chunk): void {
    if (this.#outcome) return
    const reader = this.#readers.shift()
    if (reader) reader.resolve({ done: false, value: chunk })
    else this.#chunks.push(chunk)
  }

  /** Resolves once its reader has taken all but a few chunks, or nothing is to come any more. For one asker. */
  async room(): Promise<void> {
    if (this.#chunks.length < MOST_WAITING || this.#outcome) return
    await new Promise<void>((resolve) => (this.#onRoom = resolve))
  }

  /** No more chunks; the reader still gets those it has not read. */
  end(): void {
    this.#finish({})
  }

  /** No more chunks; after those it has not read the reader gets this error. */
  fail(error: Error): void {
    this.#finish({ error })
  }

  async next(): Promise<IteratorResult<Chunk, undefined>> {
    const chunk = this.#chunks.shift()
    if (this.#chunks.length < MOST_WAITING) this.#onRoom?.()
    if (chunk !== undefined) return { done: false, value: chunk }
    const reader = Promise.withResolvers<IteratorResult<Chunk, undefined>>()
    this.#readers.push(reader)
    this.#tellOutcome()
    return reader.promise
  }

  async return(): Promise<IteratorResult<Chunk, undefined>> {
    this.#chunks.length = 0
    if (!this.#outcome) {
      this.#finish({ error: resourceError('request-cancelled', 'The reader left before the answer was complete.') })
      this.#onLeave()
    }
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #finish(outcome: { readonly error?: Error }): void {
    if (this.#outcome) return
    this.#outcome = outcome
    this.#onRoom?.()
    this.#tellOutcome()
  }

  /** To everyone who waits; an error is told once, and later readers find the end. */
  #tellOutcome(): void {
    if (!this.#outcome) return
    for (const reader of this.#readers.splice(0)) {
      const { error }: { readonly error?: Error } = this.#outcome
      this.#outcome = {}
      if (error) reader.reject(error)
      else reader.resolve({ done: true, value: undefined })
    }
  }
}

/** A channel that is about to be opened: iterating waits for it, leaving early leaves it as soon as it is there. */
export class PendingAnswer<Chunk> implements AsyncIterableIterator<Chunk> {
  readonly #channel: Promise<AnswerChannel<Chunk>>

  constructor(channel: Promise<AnswerChannel<Chunk>>) {
    this.#channel = channel
    // The error reaches the reader by next(); a reader that never comes must not take the process down.
    channel.catch(() => undefined)
  }

  async next(): Promise<IteratorResult<Chunk, undefined>> {
    return (await this.#channel).next()
  }

  async return(): Promise<IteratorResult<Chunk, undefined>> {
    return (await this.#channel).return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
