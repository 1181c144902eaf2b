import type { LlamaContextSequence, Token } from 'node-llama-cpp'
import { commonLength } from '../../../spec/common-length.ts'

/** What a sequence holds, as far as it matters for going back to an earlier point of it. Positions count tokens. */
export interface StateView {
  readonly heldTokens: number
  /** The earliest token whose part of the state is still there in every block; −1 when nothing is held. */
  readonly oldestToken: number
  /** How far back sliding blocks look; absent where none slides. */
  readonly slidingTokens?: number | undefined
  /** Points at which a copy of what cannot be cut was kept, ascending. */
  readonly checkpoints: readonly number[]
}

/**
 * How many of the first `commonTokens` held tokens can be kept:
 *
 * 1. all that is held: nothing has to be cut
 * 2. exactly these, where everything that the next token will look at is still there. The binding asks less: it cuts a
 *    sliding window whose beginning has been overwritten, and the next answer comes from a state that never was
 *    (node-llama-cpp 3.21.1, `_eraseContextTokenRanges`; llama.cpp's own server asks for the same as here, `pos_min_thold`)
 * 3. the last checkpoint among them. A recurrent state is one sum over the whole text, so it has no other way back
 * 4. nothing
 */
export function keepableTokens(commonTokens: number, view: StateView): number {
  const { heldTokens, oldestToken, slidingTokens, checkpoints } = view
  if (commonTokens >= heldTokens) return heldTokens
  if (commonTokens === 0) return 0
  if (oldestToken <= neededFrom(commonTokens, slidingTokens)) return commonTokens
  return checkpoints.findLast((tokens) => tokens <= commonTokens) ?? 0
}

/** The earliest token that the one behind the first `tokens` looks at. */
function neededFrom(tokens: number, slidingTokens: number | undefined): number {
  return slidingTokens === undefined ? 0 : Math.max(0, tokens - slidingTokens)
}

export interface KeptPrefix {
  /** Tokens of the prompt that need no reading. */
  readonly reusedTokens: number
  /** Tokens that the prompt has in common with what was held: where both part. */
  readonly commonTokens: number
}

/** The state of one sequence between runs: what of it a prompt can go on from, and the checkpoints that help with that. */
export class KeptState {
  readonly #sequence: LlamaContextSequence
  readonly #mostCheckpoints: number
  /** The same list as the engine keeps, which it does not show. When it is full the oldest goes. */
  #checkpoints: number[] = []

  /** @param mostCheckpoints as the sequence was made with; 0 = none are taken. */
  constructor(sequence: LlamaContextSequence, mostCheckpoints: number) {
    this.#sequence = sequence
    this.#mostCheckpoints = mostCheckpoints
  }

  /** Checkpoints that may be there at once; 0 where the state can be cut anywhere. */
  get mostCheckpoints(): number {
    return this.#sequence.needsCheckpoints ? this.#mostCheckpoints : 0
  }

  /** Tokens at the beginning of this prompt that need no reading. The last one always does: its output is needed. */
  reusableTokens(prompt: readonly Token[]): number {
    return keepableTokens(this.#commonTokens(prompt), this.#view())
  }

  /** Goes back to where the prompt can go on from. */
  async keepPrefix(prompt: readonly Token[]): Promise<KeptPrefix> {
    const sequence = this.#sequence
    const commonTokens = this.#commonTokens(prompt)
    const heldTokens = sequence.nextTokenIndex
    const keptTokens = keepableTokens(commonTokens, this.#view())
    if (keptTokens === heldTokens) return { reusedTokens: keptTokens, commonTokens }
    const readBefore = sequence.tokenMeter.usedInputTokens
    if (keptTokens > 0) await this.#goBack(keptTokens)
    if (keptTokens === 0 || !this.#isWhole(keptTokens)) await sequence.clearHistory()
    const nowTokens = sequence.nextTokenIndex
    this.#checkpoints = this.#checkpoints.filter((tokens) => tokens <= nowTokens)
    // Where a checkpoint could not be restored the engine has read those tokens again: then they were not reused.
    const readAgain = sequence.tokenMeter.usedInputTokens - readBefore
    return { reusedTokens: Math.max(0, nowTokens - readAgain), commonTokens }
  }

  /**
   * The binding goes back to a checkpoint only where the first range begins at or before the oldest token held; else it
   * cuts, though what the next token looks at is gone. A range before the first token is such a one. It takes the last token
   * off the binding's list, so the other one begins a token later. (3.21.1; a state that is not whole then is dropped, and
   * `state-reuse.test.ts` fails.)
   */
  async #goBack(keptTokens: number): Promise<void> {
    const { heldTokens, oldestToken, slidingTokens } = this.#view()
    const isCut = oldestToken <= neededFrom(keptTokens, slidingTokens)
    await this.#sequence.eraseContextTokenRanges(
      isCut || keptTokens <= oldestToken
        ? [{ start: keptTokens, end: heldTokens }]
        : [
            { start: -1, end: 0 },
            { start: keptTokens + 1, end: heldTokens },
          ],
    )
  }

  #isWhole(keptTokens: number): boolean {
    const { heldTokens, oldestToken, slidingTokens } = this.#view()
    return (
      heldTokens === keptTokens && (slidingTokens === undefined || oldestToken <= neededFrom(keptTokens, slidingTokens))
    )
  }

  /** Keeps a copy of the state as it is now, so that a later prompt can go on from here. */
  async checkpoint(): Promise<void> {
    const heldTokens = this.#sequence.nextTokenIndex
    if (this.mostCheckpoints === 0 || heldTokens === 0 || this.#checkpoints.includes(heldTokens)) return
    await this.#sequence.takeCheckpoint()
    this.#checkpoints = [...this.#checkpoints, heldTokens].slice(-this.#mostCheckpoints)
  }

  /** Puts a saved state in the place of what is held. Rejects with the engine's words; nothing is held then. */
  async load(path: string): Promise<void> {
    // Where nothing is held there is nothing to forget, and a restore waits for the engine twice less.
    if (this.#sequence.nextTokenIndex > 0) await this.drop()
    try {
      await this.#sequence.loadStateFromFile(path, { acceptRisk: true })
    } catch (error) {
      await this.drop()
      throw error
    }
  }

  /** Holds nothing. The range before the first token makes the engine forget what the binding does not know of. */
  async drop(): Promise<void> {
    await this.#sequence.clearHistory()
    await this.#sequence.eraseContextTokenRanges([{ start: -1, end: 0 }])
    this.#checkpoints = []
  }

  /** Does the engine itself have so many tokens, and all of them that the next one looks at? */
  isThere(tokens: number): boolean {
    const { oldestToken, slidingTokens } = this.#view()
    // A recurrent state stands at its last token.
    const isRecurrent = this.#sequence.needsCheckpoints && slidingTokens === undefined
    const oldestAllowed = isRecurrent ? tokens - 1 : neededFrom(tokens, slidingTokens)
    return this.#sequence.nextTokenIndex === tokens && oldestToken >= 0 && oldestToken <= oldestAllowed
  }

  #commonTokens(prompt: readonly Token[]): number {
    return commonLength(this.#sequence.contextTokens, prompt.slice(0, -1))
  }

  #view(): StateView {
    return {
      heldTokens: this.#sequence.nextTokenIndex,
      oldestToken: this.#sequence.stateCellsStartIndex,
      slidingTokens: this.#sequence.model.fileInsights.swaSize,
      checkpoints: this.#checkpoints,
    }
  }
}
