import type { ChatMessage } from '../spec/chat.ts'
import type {
  BegunTurn,
  ConversationArchive,
  ConversationQuery,
  Conversations,
  ConversationSummary,
  StoredAnswer,
  StoredConversation,
  StoredMessage,
  Turn,
} from '../spec/conversations.ts'
import type { OwnerId } from '../spec/owner-id.ts'
import { resourceError } from '../spec/errors.ts'
import type { ModelId } from '../spec/model.ts'
import type { ResponseArchive } from '../spec/stored-responses.ts'
import { StateDatabase } from '../system/state-database.ts'
import { namedConversationId } from './conversation-id.ts'
import {
  type ConversationLimits,
  type ConversationTotals,
  DEFAULT_CONVERSATION_LIMITS,
  isSurplus,
} from './conversation-limits.ts'
import { MIGRATIONS } from './conversation-schema.ts'
import { type ConversationRow, ConversationTable } from './conversation-table.ts'
import { chainRoot, nextHash } from './hash-chain.ts'
import { KeptResponses } from './kept-responses.ts'
import { MessageTree } from './message-tree.ts'
import { type ConversationMatch, prepareTurn, TurnPlacement } from './turn-placement.ts'

/** Conversations that go in one call, so that no request waits long for the deletion of others. */
const MAX_REMOVED_PER_CALL = 50
/** After so many messages a call stops removing, too; one conversation goes whole. */
const MAX_REMOVED_NODES_PER_CALL = 10_000
/** Longest list. */
const MAX_LISTED = 10_000
/** Up to this size the file is written anew after a deletion (measured: 0.7 s for 50 MB). */
const REWRITE_BYTES = 32 * 1024 ** 2

export interface ConversationStoreOptions {
  readonly path: string
  readonly limits?: ConversationLimits
  /** Told when the file was unreadable and had to be set aside; absent = that is an error. */
  readonly onSetAside?: (path: string, asidePath: string) => void
  /** A fault that hurts no caller. */
  readonly onFault?: (error: unknown) => void
  /** A conversation is gone, for whatever reason; called inside the transaction that removes it. */
  readonly onRemoved?: (conversationId: string) => void
}

/** Messages that a program adds to a conversation by hand, with a name of its own. */
export interface Addition {
  readonly owner: OwnerId
  readonly explicitId: string
  readonly modelId: ModelId
  /** Of the call; what a message says of its own time is not what limits on age go by. */
  readonly atMs: number
  readonly messages: readonly { readonly message: ChatMessage; readonly atMs: number }[]
}

/** Conversations in one SQLite file (`state/conversations.db`). Each call is one transaction. */
export class ConversationStore implements Conversations, ConversationArchive, Disposable {
  /** Responses to be asked for again, which go with their conversations. */
  readonly responses: ResponseArchive
  readonly #database: StateDatabase
  readonly #tree: MessageTree
  readonly #table: ConversationTable
  readonly #placement: TurnPlacement
  readonly #onFault: (error: unknown) => void
  #limits: ConversationLimits
  /** Something was removed whose text still lies in the log. */
  #hasRemains = false

  private constructor(database: StateDatabase, { limits, onFault, onRemoved }: ConversationStoreOptions) {
    this.#database = database
    this.#tree = new MessageTree(database)
    this.#table = new ConversationTable(database, this.#tree, onRemoved)
    this.#placement = new TurnPlacement(this.#tree, this.#table)
    this.#limits = limits ?? DEFAULT_CONVERSATION_LIMITS
    this.#onFault = onFault ?? ((): void => {})
    this.responses = new KeptResponses({
      database,
      conversations: this.#table,
      makeRoom: (nowMs, keyInUse) => {
        this.#enforce(nowMs, keyInUse)
        // While other conversations are left to go, it is they that give room.
        const isLast = this.#table.oldest(keyInUse) === undefined
        return (responses, bytes) =>
          responses <= this.#limits.maxConversations && (!isLast || bytes <= this.#limits.maxBytes)
      },
      onRemoved: () => (this.#hasRemains = true),
      forget: () => void this.#forget({ rewrite: true }),
    })
  }

  /** Throws `state-too-new`, `disk-full`, or SQLite's own error. */
  static async open(options: ConversationStoreOptions): Promise<ConversationStore> {
    const { path, onSetAside, onFault } = options
    const database = await StateDatabase.open({
      path,
      migrations: MIGRATIONS,
      ...(onSetAside && { onSetAside }),
      ...(onFault && { onFault }),
    })
    // A rewritten file passes through here: into memory, never into a folder for anyone.
    database.statement('PRAGMA temp_store=MEMORY').run()
    return new ConversationStore(database, options)
  }

  /** From now on; what is beyond them goes with the next calls. */
  setLimits(limits: ConversationLimits): void {
    this.#limits = limits
  }

  totals(): ConversationTotals {
    const row = this.#database.statement('SELECT * FROM total').get()
    return {
      conversations: Number(row?.['conversations']),
      messages: Number(row?.['nodes']),
      bytes: Number(row?.['bytes']),
    }
  }

  /** Finds what these messages continue, and stores nothing. */
  match(turn: Turn): ConversationMatch {
    return this.#placement.match(prepareTurn(turn))
  }

  begin(turn: Turn): BegunTurn {
    const prepared = prepareTurn(turn)
    return this.#database.transaction(() => {
      const { row, match, knownMessages } = this.#placement.place(prepared)
      this.#enforce(turn.atMs, row.key)
      return { conversationId: row.id, match, knownMessages, nodeId: row.head ?? 0 }
    })
  }

  together<Result>(work: () => Result): Promise<Result> {
    return this.#database.grouped(work)
  }

  finish({ conversationId, nodeId }: BegunTurn, { message, modelId, outcome, atMs }: StoredAnswer): void {
    if (outcome !== 'ok' && isEmpty(message)) return
    this.#database.transaction(() => {
      const row = this.#table.byId(conversationId)
      const parent = nodeId === 0 ? undefined : this.#tree.node(nodeId)
      if (!row || (nodeId !== 0 && !parent)) return
      const hash = nextHash(parent?.hash ?? chainRoot(row.owner), message)
      const known = this.#tree.find(hash)
      const head = known ?? this.#tree.add(parent, message, hash, { atMs, modelId, outcome }).id
      if ((row.head ?? 0) === nodeId) {
        this.#table.moveHead(row.key, head, row.opening ?? this.#tree.opening(head))
        this.#table.absorbTail(row.key, head)
        this.#table.touch(row, atMs)
      } else if (known === undefined) {
        // The conversation went on without this answer: it stays, as the end of a branch.
        const opening = this.#tree.opening(head)
        const branch = { owner: row.owner, head, opening, systemId: row.systemId, parentKey: row.key }
        this.#table.add({ ...branch, modelId, createdAtMs: atMs })
      }
      this.#enforce(atMs, row.key)
    })
  }

  /** Puts messages at the end of a named conversation, which begins when it is not there. */
  append({ owner, explicitId, modelId, atMs: nowMs, messages }: Addition): void {
    if (messages.length === 0) return
    this.#database.transaction(() => {
      const row = this.#table.named(owner, explicitId)
      let head = row?.head == null ? undefined : this.#tree.node(row.head)
      let previous: Uint8Array = head?.hash ?? chainRoot(owner)
      for (const { message, atMs } of messages) {
        previous = nextHash(previous, message)
        head = this.#tree.withHash(previous) ?? this.#tree.add(head, message, previous, { atMs })
      }
      const place = { head: head?.id ?? null, opening: row?.opening ?? (head ? this.#tree.opening(head.id) : null) }
      if (row) {
        this.#table.moveHead(row.key, place.head, place.opening)
        this.#table.touch(row, nowMs, modelId)
      }
      const kept =
        row ?? this.#table.addNamed(owner, explicitId, { ...place, systemId: null, modelId, createdAtMs: nowMs })
      this.#enforce(nowMs, kept.key)
    })
  }

  /** Is it kept? */
  has(id: string): boolean {
    return this.#table.byId(id) !== undefined
  }

  /** The id that a client's name stands for, whether the conversation is there or not. */
  idOf(owner: OwnerId, explicitId: string): string {
    return this.#table.named(owner, explicitId)?.id ?? namedConversationId(owner, explicitId)
  }

  /** A named conversation of this owner. */
  find(owner: OwnerId, explicitId: string): ConversationSummary | undefined {
    const row = this.#table.named(owner, explicitId)
    return row && this.#table.summary(row.key)
  }

  /** The end of a named conversation, oldest first; empty when it is not there. */
  newest(owner: OwnerId, explicitId: string, most: number): readonly StoredMessage[] {
    const head = this.#table.named(owner, explicitId)?.head
    return head == null ? [] : this.#tree.path(head, most)
  }

  /** State of compaction; `null` = none. Throws `conversation-not-found`. */
  setCompaction(id: string, state: unknown): void {
    this.#database.transaction(() => {
      this.#table.setCompaction(this.#require(id).key, state == null ? null : JSON.stringify(state))
    })
  }

  async list(query: ConversationQuery): Promise<readonly ConversationSummary[]> {
    return this.#table.list({ ...query, limit: Math.min(Math.max(0, query.limit), MAX_LISTED) })
  }

  async get(id: string): Promise<StoredConversation> {
    const row = this.#require(id)
    return {
      ...this.#table.summary(row.key),
      system: this.#table.systemText(row.systemId),
      messages: row.head === null ? [] : this.#tree.path(row.head),
      modelHistory: row.modelHistory,
      compaction: row.compaction === null ? null : (JSON.parse(row.compaction) as unknown),
    }
  }

  async delete(id: string): Promise<void> {
    this.#database.transaction(() => this.#table.remove(this.#require(id)))
    await this.#forget({ rewrite: true })
  }

  async deleteAll(): Promise<number> {
    const last = this.#database.statement('SELECT MAX(key) AS last FROM conversation').get()?.['last'] ?? 0
    const removed = await this.#removeInParts(() => {
      const sql = 'SELECT id FROM conversation WHERE key <= ? ORDER BY key LIMIT 1'
      return this.#table.byId(String(this.#database.statement(sql).get(last)?.['id']))
    })
    await this.#forget({ rewrite: true })
    return removed
  }

  /** Removes what is beyond the limits, for a timer; requests do not wait for it. Returns how many conversations went. */
  async sweep(nowMs: number): Promise<number> {
    const removed = await this.#removeInParts(() => this.#surplus(nowMs, 0))
    if (removed > 0 || this.#hasRemains) await this.#forget({ rewrite: false })
    return removed
  }

  close(): void {
    this.#database.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #require(id: string): ConversationRow {
    const row = this.#table.byId(id)
    if (row) return row
    throw resourceError('conversation-not-found', `No conversation has the id ${id}. See grym conversations list.`)
  }

  #enforce(nowMs: number, keyInUse: number): void {
    if (this.#removeSome(() => this.#surplus(nowMs, keyInUse)) > 0) this.#hasRemains = true
  }

  /** The next that has to go; the one in use never does. */
  #surplus(nowMs: number, keyInUse: number): ConversationRow | undefined {
    const oldest = this.#table.oldest(keyInUse)
    if (!oldest) return undefined
    return isSurplus(this.totals(), this.#limits, nowMs - oldest.updatedAtMs) ? oldest : undefined
  }

  #removeSome(next: () => ConversationRow | undefined): number {
    let removed = 0
    for (let nodes = 0; removed < MAX_REMOVED_PER_CALL && nodes < MAX_REMOVED_NODES_PER_CALL; removed++) {
      const row = next()
      if (!row) return removed
      nodes += this.#table.remove(row)
    }
    return removed
  }

  /** Transactions with room between them for those who wait. */
  async #removeInParts(next: () => ConversationRow | undefined): Promise<number> {
    let removed = 0
    for (;;) {
      const part = this.#database.transaction(() => this.#removeSome(next))
      if (part === 0) return removed
      removed += part
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /**
   * SQLite overwrites what is deleted, but not the copies that it left when it moved rows from page to page: of 14,000
   * messages deleted at random, 3 could still be found. A file written anew has none; that blocks, so it is done for
   * people who delete, not for a timer.
   */
  async #forget({ rewrite }: { readonly rewrite: boolean }): Promise<void> {
    this.#hasRemains = false
    try {
      if (rewrite && this.#database.usedBytes() <= REWRITE_BYTES) this.#database.statement('VACUUM').run()
      await this.#database.forget()
    } catch (error) {
      // What was deleted is gone for every reader; the file follows with the next deletion or sweep.
      this.#hasRemains = true
      this.#onFault(error)
    }
  }
}

/** Nothing of it was passed on. */
function isEmpty({ content, reasoning = '', toolCalls = [] }: ChatMessage): boolean {
  return content === '' && reasoning === '' && toolCalls.length === 0
}
