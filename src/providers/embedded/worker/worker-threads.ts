import type { Llama } from 'node-llama-cpp'
import { DecodeThreads } from './decode-threads.ts'

/** Threads of this worker: the share that the host allows, and what of it each kind of work uses. */
export class WorkerThreads {
  readonly #llama: Llama
  readonly #decode = new DecodeThreads()
  #share = 1
  #runs = 0
  #stretch = { threads: 1, tokens: 0, durationMs: 0 }

  constructor(llama: Llama) {
    this.#llama = llama
  }

  /** Takes effect with the next piece of evaluation. */
  setShare(threads: number): void {
    this.#share = threads
    this.#llama.maxThreads = threads
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
    this.#llama.maxThreads = this.#share
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
    this.#llama.maxThreads = next
  }

  noteToken(durationMs: number): void {
    this.#stretch.tokens += 1
    this.#stretch.durationMs += durationMs
  }
}
