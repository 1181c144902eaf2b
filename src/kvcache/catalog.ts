import type { CachePriority, StateQuery } from '../spec/state-cache.ts'
import type { Entry } from './entry.ts'
import { BLOCK_TOKENS, blockHashes, commonBlocks, firstBlock } from './token-blocks.ts'

/** What is on the disk, found by what it begins with. */
export class Catalog {
  readonly #entries = new Map<string, Entry>()
  /** Entries by key, owner and first block. */
  readonly #byBeginning = new Map<string, Set<Entry>>()
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#entries.size
  }

  values(): Iterable<Entry> {
    return this.#entries.values()
  }

  filter(isMeant: (entry: Entry) => boolean): Entry[] {
    return [...this.#entries.values()].filter(isMeant)
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id)
  }

  add(entry: Entry): void {
    this.#entries.set(entry.id, entry)
    this.#bytes += entry.bytes
    const beginning = beginningOf(entry.keyDigest, entry.owner.owner, entry.blocks)
    const alike = this.#byBeginning.get(beginning) ?? new Set()
    this.#byBeginning.set(beginning, alike.add(entry))
  }

  prioritise(id: string, priority: CachePriority): void {
    const entry = this.#entries.get(id)
    if (entry) entry.priority = priority
  }

  remove(entry: Entry): boolean {
    if (this.#entries.get(entry.id) !== entry) return false
    this.#entries.delete(entry.id)
    this.#bytes -= entry.bytes
    const beginning = beginningOf(entry.keyDigest, entry.owner.owner, entry.blocks)
    const alike = this.#byBeginning.get(beginning)
    alike?.delete(entry)
    if (alike?.size === 0) this.#byBeginning.delete(beginning)
    return true
  }

  /**
   * Entries that may spare the prompt more than it asks for, the best first. How many tokens they really have in common is known only to the
   * block.
   */
  async candidates(query: Omit<StateQuery, 'key'> & { readonly keyDigest: string }): Promise<Entry[]> {
    const { keyDigest, owner, tokens, moreThanTokens, mustBeWhole } = query
    const blocks = await blockHashes(tokens)
    const alike = this.#byBeginning.get(beginningOf(keyDigest, owner, blocks)) ?? []
    return [...alike]
      .map((entry) => ({ entry, common: commonBlocks(entry.blocks, blocks) }))
      .filter(({ entry, common }) => {
        const mostTokens = Math.min(entry.tokens, tokens.length, (common + 1) * BLOCK_TOKENS)
        const isWhole = entry.tokens < (common + 1) * BLOCK_TOKENS
        return mostTokens > moreThanTokens && common > 0 && (isWhole || !mustBeWhole)
      })
      .sort(
        (a, b) => b.common - a.common || a.entry.tokens - b.entry.tokens || b.entry.lastUsedAtMs - a.entry.lastUsedAtMs,
      )
      .map(({ entry }) => entry)
  }

  /** Entries of the same conversation that hold nothing but a beginning of this one. */
  beginningsOf(entry: Entry): Entry[] {
    const { id, keyDigest, owner, blocks, tokens } = entry
    const alike = this.#byBeginning.get(beginningOf(keyDigest, owner.owner, blocks)) ?? []
    return [...alike].filter(
      (other) =>
        other.id !== id &&
        other.owner.conversationId === owner.conversationId &&
        other.tokens <= tokens &&
        blocks.startsWith(other.blocks),
    )
  }
}

function beginningOf(keyDigest: string, owner: string, blocks: string): string {
  return `${keyDigest}:${owner}:${firstBlock(blocks)}`
}
