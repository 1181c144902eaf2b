import type { LlamaContext, LlamaContextSequence, Token } from 'node-llama-cpp'
import { HeldState } from './held-state.ts'
import { KeptState } from './kept-state.ts'

const TOKEN_BYTES = 4

/** One context with one sequence: serves one run at a time and keeps the KV state between them. */
export class Slot implements AsyncDisposable {
  readonly sequence: LlamaContextSequence
  readonly state: KeptState
  readonly held: HeldState = new HeldState()
  /** Tokens this slot may hold: what was asked for, though the engine rounds its context up. */
  readonly contextTokens: number
  readonly #context: LlamaContext
  #turn: Promise<void> = Promise.resolve()
  #waiting = 0
  #slice: Promise<unknown> = Promise.resolve()

  /** @param checkpoints copies of its state that may be kept aside; 0 = none. */
  constructor(context: LlamaContext, contextTokens: number, checkpoints: number) {
    this.#context = context
    this.contextTokens = Math.min(contextTokens, context.contextSize)
    this.sequence = context.getSequence({ checkpoints: { max: Math.max(1, checkpoints), interval: false } })
    this.state = new KeptState(this.sequence, checkpoints)
  }

  /** Runs that this slot serves now or has promised to. */
  get waiting(): number {
    return this.#waiting
  }

  /** Tokens at the beginning of this prompt that the slot needs not read. */
  reusableTokens(prompt: readonly Token[]): number {
    return this.state.reusableTokens(prompt)
  }

  /** What a file of its state takes about now, bytes: the engine's own figure, and the tokens in front of it. */
  get expectedBytes(): number {
    return this.#context.stateSize + TOKEN_BYTES * this.sequence.nextTokenIndex
  }

  /** Runs after whatever this slot does now; rejects as `run` does. */
  async inTurn(run: () => Promise<void>): Promise<void> {
    this.#waiting += 1
    try {
      await this.aside(run)
    } finally {
      this.#waiting -= 1
    }
  }

  /** The same for work that is no run: it is short, and no reason to give a prompt to another slot. */
  async aside<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(work)
    this.#turn = turn.then(
      () => undefined,
      () => undefined,
    )
    return turn
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

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }
}

/** What is looked at in choosing one. */
export interface SlotView<Prompt> {
  readonly waiting: number
  reusableTokens(prompt: Prompt): number
}

/** The slot for a prompt: one that is free, of these the one that needs to read the least of it, else the least busy. */
export function chooseSlot<Prompt, Candidate extends SlotView<Prompt>>(
  slots: readonly Candidate[],
  prompt: Prompt,
): Candidate {
  const [best] = slots
    .map((slot) => ({ slot, waiting: slot.waiting, reusable: slot.reusableTokens(prompt) }))
    .sort((a, b) => a.waiting - b.waiting || b.reusable - a.reusable)
  if (!best) throw new Error('a context has no slots')
  return best.slot
}
