import { commonLength } from '../../spec/common-length.ts'
import type { Slot } from '../answering/slot-pool.ts'

/** Conversations kept; the real one counts bytes. */
const MOST_KEPT = 64

/** `--cache-ram`: what a slot held when it was given to another conversation, kept in memory until that one comes back. */
export class PromptCache {
  readonly #isOn: boolean
  #kept: (readonly string[])[] = []

  constructor(isOn: boolean) {
    this.#isOn = isOn
  }

  /** Puts what the slot holds aside, and what is kept for this prompt in its place, when less than half of it is of use. */
  change(slot: Slot, prompt: readonly string[]): void {
    if (!this.#isOn) return
    const usable = commonLength(slot.tokens, prompt)
    if (slot.tokens.length > 0 && usable >= slot.tokens.length / 2) return
    const [best] = this.#kept.toSorted((a, b) => commonLength(b, prompt) - commonLength(a, prompt))
    if (slot.tokens.length > 0) this.#kept = [...this.#kept, slot.tokens].slice(-MOST_KEPT)
    if (!best || commonLength(best, prompt) <= usable) return
    this.#kept = this.#kept.filter((each) => each !== best)
    slot.tokens = best
  }
}
