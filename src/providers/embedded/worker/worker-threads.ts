import type { Llama } from 'node-llama-cpp'
import { DecodeThreads } from './decode-threads.ts'

/** Threads of this worker: the share that the host allows, and what of it each kind of work uses. */
export class WorkerThreads {
  #llama: Llama | undefined
  readonly #decode = new DecodeThreads()
  #share = 1
  #runs = 0
  #stretch = { threads: 1, tokens: 0, durationMs: 0 }

  /** The engine whose threads these are; what was allowed before holds. */
  attach(llama: Llama): void {
    this.#llama = llama
    llama.maxThreads = this.#share
  }

  /** Takes effect with the next piece of evaluation. */
  setShare(threads: number): void {
    this.#share = threads
    this.#use(threads)
  }

  runBegins(): void {
    this.#runs += 1
    this.#stretch = { threads: 1, tokens: 0, durationMs: 0 }
  }

  runEnds(): void {
    this.#runs -= 1
  }

  /** Reading a prompt is faster the more threads it has. */
  usePrefill(): void {
    this.#use(this.#share)
  }

  /**
   * Chooses the threads for the next tokens, after learning from the last ones. The engine's setting is the process's:
   * runs at the same time share it (the library splits it), so nothing is tried then.
   */
  nextStretch(): void {
    const { threads, tokens, durationMs } = this.#stretch
    if (this.#runs === 1 && tokens > 0 && threads <= this.#share) this.#decode.note(threads, durationMs / tokens)
    const next = this.#runs > 1 ? this.#share : this.#decode.next(this.#share)
    this.#stretch = { threads: next, tokens: 0, durationMs: 0 }
    this.#use(next)
  }

  #use(threads: number): void {
    if (this.#llama) this.#llama.maxThreads = threads
  }

  noteToken(durationMs: number): void {
    this.#stretch.tokens += 1
    this.#stretch.durationMs += durationMs
  }
}
