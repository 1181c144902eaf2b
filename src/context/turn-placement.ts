import type { ChatMessage } from '../spec/chat.ts'
import type { BegunTurn, Turn } from '../spec/conversations.ts'
import type { ConversationRow, ConversationTable } from './conversation-table.ts'
import { hashChain, longestKnownPrefix, splitSystem } from './hash-chain.ts'
import type { MessageNode, MessageTree } from './message-tree.ts'

/** What a list of messages would continue. */
export interface ConversationMatch {
  readonly match: BegunTurn['match']
  readonly knownMessages: number
  readonly conversationId?: string
}

/** What a request brings, hashed. */
export interface PreparedTurn {
  readonly turn: Turn
  readonly system: string | null
  readonly messages: readonly ChatMessage[]
  readonly chain: readonly Buffer[]
}

interface LocatedTurn extends PreparedTurn {
  readonly knownMessages: number
  /** The last known one. */
  readonly known: MessageNode | undefined
}

interface Placed {
  readonly row: ConversationRow
  readonly match: BegunTurn['match']
}

/** Needs no database, so that a large request does not hold a transaction open. */
export function prepareTurn(turn: Turn): PreparedTurn {
  const { system, turns } = splitSystem(turn.messages)
  return { turn, system, messages: turns, chain: hashChain(turn.owner, turns) }
}

/** Decides where a request belongs, and stores it there; called inside a transaction of the store. */
export class TurnPlacement {
  readonly #tree: MessageTree
  readonly #table: ConversationTable

  constructor(tree: MessageTree, table: ConversationTable) {
    this.#tree = tree
    this.#table = table
  }

  match(prepared: PreparedTurn): ConversationMatch {
    const { turn, known, knownMessages } = this.#locate(prepared)
    const { owner, explicitId } = turn
    const found = explicitId ? this.#table.named(owner, explicitId) : this.#continuable(known)
    if (found) return { match: 'continued', knownMessages, conversationId: found.id }
    return { match: explicitId || !known ? 'new' : 'branch', knownMessages }
  }

  place(prepared: PreparedTurn): Placed & { readonly knownMessages: number } {
    const located = this.#locate(prepared)
    const { explicitId } = located.turn
    const placed = explicitId ? this.#placeNamed(located, explicitId) : this.#placeFound(located)
    return { ...placed, knownMessages: located.knownMessages }
  }

  #locate(prepared: PreparedTurn): LocatedTurn {
    const { chain } = prepared
    const knownMessages = longestKnownPrefix(chain, (hash) => this.#tree.find(hash) !== undefined)
    const hash = chain[knownMessages - 1]
    return { ...prepared, knownMessages, known: hash && this.#tree.withHash(hash) }
  }

  /** Without a name: 1. its last known message ends a conversation → that goes on 2. else a branch, or a new one. */
  #placeFound(incoming: LocatedTurn): Placed {
    const { turn, known } = incoming
    const found = this.#continuable(known)
    if (found) return { row: this.#goOn(found, incoming), match: 'continued' }
    const below = known && this.#tree.headBelow(known.id)
    const parentKey = below === undefined ? null : (this.#table.withHead(below)?.key ?? null)
    const row = this.#table.add({
      ...this.#store(incoming),
      owner: turn.owner,
      modelId: turn.modelId,
      createdAtMs: turn.atMs,
      parentKey,
    })
    return { row, match: known ? 'branch' : 'new' }
  }

  /** A named conversation goes on only by its name: whoever does not say it makes a branch. */
  #continuable(known: MessageNode | undefined): ConversationRow | undefined {
    return known && this.#table.unnamedWithHead(known.id)
  }

  /** With a name the conversation follows its client's list; an end that the list leaves is kept beside it. */
  #placeNamed(incoming: LocatedTurn, explicitId: string): Placed {
    const { turn, chain, known } = incoming
    const row = this.#table.named(turn.owner, explicitId)
    if (!row) {
      const place = { ...this.#store(incoming), modelId: turn.modelId, createdAtMs: turn.atMs }
      return { row: this.#table.addNamed(turn.owner, explicitId, place), match: 'new' }
    }
    const end = row.head === null ? undefined : this.#tree.node(row.head)
    const isFollowed = !end || chain[end.depth - 1]?.equals(end.hash)
    if (end && !isFollowed) {
      this.#keepTail(row, end)
      this.#table.setCompaction(row.key, null)
    }
    const followed = this.#goOn(row, incoming)
    if (known) this.#table.absorbTail(row.key, known.id)
    return { row: followed, match: 'continued' }
  }

  /** An end that nobody else keeps becomes a conversation of its own. */
  #keepTail(row: ConversationRow, end: MessageNode): void {
    if (this.#tree.hasChildren(end.id) || this.#table.withHead(end.id, row.key)) return
    const { key, id: _, ...rest } = row
    this.#table.add({ ...rest, isTail: true, parentKey: key })
  }

  #goOn(row: ConversationRow, incoming: LocatedTurn): ConversationRow {
    const { head, opening, systemId } = this.#store(incoming)
    this.#table.moveHead(row.key, head, opening)
    this.#table.setSystem(row, systemId)
    this.#table.touch(row, incoming.turn.atMs, incoming.turn.modelId)
    return { ...row, head, opening, systemId }
  }

  /** Stores the messages that are not known yet, and the system prompt. */
  #store(incoming: LocatedTurn): { head: number | null; opening: number | null; systemId: number | null } {
    const { turn, messages, chain, knownMessages } = incoming
    let head = incoming.known
    for (let i = knownMessages; i < messages.length; i++) {
      const [message, hash] = [messages[i], chain[i]]
      if (message && hash) head = this.#tree.add(head, message, hash, { atMs: turn.atMs })
    }
    const opening = chain[messages.findIndex(({ role }) => role === 'user')]
    return {
      head: head?.id ?? null,
      opening: (opening && this.#tree.find(opening)) ?? null,
      systemId: this.#table.keepSystem(turn.owner, incoming.system),
    }
  }
}
