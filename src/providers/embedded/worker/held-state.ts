import type { StateOwner } from '../../../spec/restored-state.ts'
import { commonLength } from '../../../spec/common-length.ts'

/** A state that was put into a slot before it was asked for. */
export interface FilledState {
  readonly openId: number
  readonly tokens: number
  readonly restoreMs: number
}

/** Whose state a slot holds, and how much of it lies on disk already. */
export class HeldState {
  /**
   * Of the last prompt: all that is held is that prompt and its answer. Absent = it is not to be saved.
   */
  owner: StateOwner | undefined
  /** Until the first prompt that goes on from it. */
  filled: FilledState | undefined
  #saved: readonly number[] = []
  #entryId: string | undefined

  /** These tokens are in a saved state. What is known already of what is held now may be more than that. */
  noteSaved(tokens: Uint32Array, held: readonly number[], entryId: string): void {
    const saved = [...tokens]
    if (commonLength(held, saved) <= commonLength(held, this.#saved)) return
    this.#saved = saved
    this.#entryId = entryId
  }

  /** The entry with what is saved of it; `undefined` = there is none. */
  get entryId(): string | undefined {
    return this.#entryId
  }

  /** What was in a saved state is none, or its entry is gone. */
  noteLost(): void {
    this.#saved = []
    this.#entryId = undefined
  }

  /** Of the tokens held now, those that are in no saved state. */
  unsavedTokens(held: readonly number[]): number {
    return held.length - commonLength(held, this.#saved)
  }
}
