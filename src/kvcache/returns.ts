import { keepNewest } from '../spec/keep-newest.ts'
import type { StateOwner } from '../spec/restored-state.ts'

/** Conversations remembered; the one that was saved longest ago is forgotten. */
const MOST_CONVERSATIONS = 10_000

/**
 * How often conversations were gone on with, whether their states were still there or not: without the memory of what had to make way,
 * replacement does no better than throwing out the oldest (`npm run bench:kv`: 11 % instead of 17). Lost at a restart.
 */
export class Returns {
  readonly #counts = new Map<string, number>()

  /** A state of this conversation is saved. @returns how often one was before. */
  note({ owner, conversationId }: StateOwner): number {
    if (conversationId === undefined) return 0
    const name = `${owner}:${conversationId}`
    const count = this.#counts.get(name) ?? 0
    this.#counts.delete(name)
    this.#counts.set(name, count + 1)
    keepNewest(this.#counts, MOST_CONVERSATIONS)
    return count
  }
}
