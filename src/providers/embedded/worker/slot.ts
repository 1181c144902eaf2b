import type { LlamaContext, LlamaContextSequence } from 'node-llama-cpp'

/** One context with one sequence: serves one run at a time and keeps the KV state between them. */
export class Slot {
  readonly sequence: LlamaContextSequence
  /** Tokens this slot may hold: what was asked for, though the engine rounds its context up. */
  readonly contextTokens: number
  readonly #context: LlamaContext
  #turn: Promise<void> = Promise.resolve()
  #slice: Promise<unknown> = Promise.resolve()

  constructor(context: LlamaContext, contextTokens: number) {
    this.#context = context
    this.contextTokens = Math.min(contextTokens, context.contextSize)
    this.sequence = context.getSequence()
  }

  /** Runs after whatever this slot does now. `run` must not reject. */
  inTurn(run: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(run)
    return this.#turn
  }

  /** Marks one piece of evaluation, so that others can wait for its end. */
  async evaluate<Result>(slice: Promise<Result>): Promise<Result> {
    this.#slice = slice
    return slice
  }

  /** Resolves when the piece of evaluation in flight is over, however it ends. */
  async sliceOver(): Promise<void> {
    await Promise.allSettled([this.#slice])
  }

  async dispose(): Promise<void> {
    await this.#turn
    await this.#context.dispose()
  }
}
