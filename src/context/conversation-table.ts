import type { ConversationQuery, ConversationSummary } from '../spec/conversations.ts'
import type { OwnerId } from '../spec/owner-id.ts'
import type { ModelId } from '../spec/model.ts'
import type { StateDatabase } from '../system/state-database.ts'
import { namedConversationId, randomConversationId } from './conversation-id.ts'
import { systemPromptHash } from './hash-chain.ts'
import type { MessageTree, Row } from './message-tree.ts'

const MAX_TITLE_CHARACTERS = 80
/** Read for a title: white space before and between its words is not shown. */
const TITLE_SOURCE_BYTES = 4_096
/** Changes of model that are remembered of one conversation; the oldest are forgotten. */
export const MAX_MODEL_CHANGES = 100

export type ModelHistory = readonly { readonly modelId: ModelId; readonly fromMs: number }[]

/** A row of `conversation`. */
export interface ConversationRow {
  readonly key: number
  readonly id: string
  readonly owner: OwnerId
  readonly head: number | null
  readonly opening: number | null
  readonly systemId: number | null
  readonly modelId: ModelId
  readonly modelHistory: ModelHistory
  /** JSON. */
  readonly compaction: string | null
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/** What a new row says; a named one has the id that its name stands for. */
export interface NewConversation {
  readonly id?: string
  readonly owner: OwnerId
  readonly isNamed?: boolean
  /** The end of a named conversation that its client left: gone when the client comes back to it. */
  readonly isTail?: boolean
  readonly head: number | null
  readonly opening: number | null
  readonly systemId: number | null
  readonly parentKey?: number | null
  readonly modelId: ModelId
  readonly modelHistory?: ModelHistory
  readonly compaction?: string | null
  readonly createdAtMs: number
  readonly updatedAtMs?: number
}

/** The conversations of `conversation-schema.ts` and their system prompts; called inside a transaction of the store. */
export class ConversationTable {
  readonly #database: StateDatabase
  readonly #tree: MessageTree
  readonly #onRemoved: (id: string) => void

  constructor(database: StateDatabase, tree: MessageTree, onRemoved: (id: string) => void = (): void => {}) {
    this.#onRemoved = onRemoved
    this.#database = database
    this.#tree = tree
  }

  byId(id: string): ConversationRow | undefined {
    return toRow(this.#database.statement('SELECT * FROM conversation WHERE id = ?').get(id))
  }

  /** One of the owner's own ids, else the id that the name stands for. */
  named(owner: OwnerId, explicitId: string): ConversationRow | undefined {
    const own = this.byId(explicitId)
    return own?.owner === owner ? own : this.byId(namedConversationId(owner, explicitId))
  }

  /** One that may go on from this head without being named: the one last used. */
  unnamedWithHead(head: number): ConversationRow | undefined {
    const sql = `SELECT * FROM conversation WHERE head = ? AND is_named = 0 ORDER BY updated_ms DESC, key DESC LIMIT 1`
    return toRow(this.#database.statement(sql).get(head))
  }

  /** The one last used of those that end at this head. */
  withHead(head: number, exceptKey: number = 0): ConversationRow | undefined {
    const sql = 'SELECT * FROM conversation WHERE head = ? AND key <> ? ORDER BY updated_ms DESC, key DESC LIMIT 1'
    return toRow(this.#database.statement(sql).get(head, exceptKey))
  }

  /** The one that was used longest ago, but for one that is in use. */
  oldest(exceptKey: number): ConversationRow | undefined {
    const sql = 'SELECT * FROM conversation WHERE key <> ? ORDER BY updated_ms, key LIMIT 1'
    return toRow(this.#database.statement(sql).get(exceptKey))
  }

  add(conversation: NewConversation): ConversationRow {
    const { owner, head, opening, systemId, modelId } = conversation
    const id = conversation.id ?? randomConversationId()
    const createdMs = Math.trunc(conversation.createdAtMs)
    const history = conversation.modelHistory ?? [{ modelId, fromMs: createdMs }]
    this.#database
      .statement(
        `INSERT INTO conversation (id, owner, is_named, is_tail, head, opening, system, parent, model, model_history,
         compaction, created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        ...[id, owner, Number(conversation.isNamed ?? false), Number(conversation.isTail ?? false), head, opening],
        ...[systemId, conversation.parentKey ?? null, modelId, JSON.stringify(history)],
        ...[conversation.compaction ?? null, createdMs, Math.trunc(conversation.updatedAtMs ?? createdMs)],
      )
    const row = this.byId(id)
    if (!row) throw new Error('a row that was just written is not there')
    return row
  }

  addNamed(owner: OwnerId, explicitId: string, conversation: Omit<NewConversation, 'id' | 'owner'>): ConversationRow {
    return this.add({ ...conversation, id: namedConversationId(owner, explicitId), owner, isNamed: true })
  }

  /** Moves its end; from then on it is no left tail any more. */
  moveHead(key: number, head: number | null, opening: number | null): void {
    const sql = 'UPDATE conversation SET head = ?, opening = ?, is_tail = 0 WHERE key = ?'
    this.#database.statement(sql).run(head, opening, key)
  }

  /** Notes that it was used. A clock that went back makes nothing older than it was. */
  touch(row: ConversationRow, atMs: number, modelId: ModelId = row.modelId): void {
    const fromMs = Math.trunc(atMs)
    const isSame = row.modelHistory.at(-1)?.modelId === modelId
    const history = isSame ? row.modelHistory : [...row.modelHistory, { modelId, fromMs }].slice(-MAX_MODEL_CHANGES)
    const sql = 'UPDATE conversation SET updated_ms = MAX(updated_ms, ?), model = ?, model_history = ? WHERE key = ?'
    this.#database.statement(sql).run(fromMs, modelId, JSON.stringify(history), row.key)
  }

  setCompaction(key: number, state: string | null): void {
    this.#database.statement('UPDATE conversation SET compaction = ? WHERE key = ?').run(state, key)
  }

  /** The system prompt of the newest request; one that no conversation has any more goes. */
  setSystem(row: ConversationRow, systemId: number | null): void {
    if (row.systemId === systemId) return
    this.#database.statement('UPDATE conversation SET system = ? WHERE key = ?').run(systemId, row.key)
    this.#dropUnusedSystem(row.systemId)
  }

  /** The row of a system prompt, made when it is new. */
  keepSystem(owner: OwnerId, text: string | null): number | null {
    if (text === null) return null
    const hash = systemPromptHash(owner, text)
    const known = this.#database.statement('SELECT id FROM system_prompt WHERE hash = ?').get(hash)
    if (known) return Number(known['id'])
    const insert = this.#database.statement('INSERT INTO system_prompt (hash, bytes, text) VALUES (?, ?, ?)')
    return Number(insert.run(hash, Buffer.byteLength(text), text).lastInsertRowid)
  }

  systemText(id: number | null): string | null {
    if (id === null) return null
    const row = this.#database.statement('SELECT text FROM system_prompt WHERE id = ?').get(id)
    return row ? String(row['text']) : null
  }

  /** The left tail of a named conversation whose client has come back to it. */
  absorbTail(parentKey: number, head: number): void {
    const sql = 'SELECT * FROM conversation WHERE head = ? AND parent = ? AND is_tail = 1'
    for (const row of this.#database.statement(sql).all(head, parentKey)) {
      const tail = toRow(row)
      if (!tail) continue
      this.#database.statement('UPDATE response SET conversation = ? WHERE conversation = ?').run(parentKey, tail.key)
      this.remove(tail)
    }
  }

  /** Deletes it with its responses and the messages that no other conversation needs. Returns how many of them there were. */
  remove(row: ConversationRow): number {
    this.#database.statement('DELETE FROM conversation WHERE key = ?').run(row.key)
    this.#dropUnusedSystem(row.systemId)
    this.#onRemoved(row.id)
    return row.head === null ? 0 : this.#tree.prune(row.head)
  }

  list({ limit, beforeMs = Number.MAX_SAFE_INTEGER }: ConversationQuery): ConversationSummary[] {
    const sql = `${SUMMARY} WHERE conversation.updated_ms < ? ORDER BY conversation.updated_ms DESC, conversation.key DESC LIMIT ?`
    return this.#database.statement(sql).all(Math.trunc(beforeMs), Math.trunc(limit)).map(toSummary)
  }

  summary(key: number): ConversationSummary {
    const row = this.#database.statement(`${SUMMARY} WHERE conversation.key = ?`).get(key)
    if (!row) throw new Error('a conversation without its row')
    return toSummary(row)
  }

  #dropUnusedSystem(id: number | null): void {
    const sql =
      'DELETE FROM system_prompt WHERE id = ? AND NOT EXISTS (SELECT 1 FROM conversation WHERE system = system_prompt.id)'
    if (id !== null) this.#database.statement(sql).run(id)
  }
}

const SUMMARY = `SELECT conversation.*, head.depth, head.path_bytes, parent.id AS parent_id,
    substr(CAST(opening.content AS BLOB), 1, ${TITLE_SOURCE_BYTES}) AS opening_bytes
  FROM conversation
  LEFT JOIN node AS head ON head.id = conversation.head
  LEFT JOIN node AS opening ON opening.id = conversation.opening
  LEFT JOIN conversation AS parent ON parent.key = conversation.parent`

function toSummary(row: Row): ConversationSummary {
  return {
    id: String(row['id']),
    owner: String(row['owner']),
    title: titleOf(row['opening_bytes']),
    modelId: String(row['model']),
    messageCount: Number(row['depth'] ?? 0),
    bytes: Number(row['path_bytes'] ?? 0),
    createdAtMs: Number(row['created_ms']),
    updatedAtMs: Number(row['updated_ms']),
    parentId: row['parent_id'] === null ? null : String(row['parent_id']),
  }
}

/** One line; letters are counted, not their halves. As bytes, because SQLite's own text functions end at a NUL. */
function titleOf(bytes: unknown): string {
  const text = bytes instanceof Uint8Array ? new TextDecoder().decode(bytes, { stream: true }) : ''
  const letters = Array.from(text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim())
  if (letters.length <= MAX_TITLE_CHARACTERS) return letters.join('')
  return `${letters.slice(0, MAX_TITLE_CHARACTERS - 1).join('')}…`
}

function toRow(row: Row | undefined): ConversationRow | undefined {
  if (!row) return undefined
  const number = (name: string): number | null => (row[name] === null ? null : Number(row[name]))
  return {
    key: Number(row['key']),
    id: String(row['id']),
    owner: String(row['owner']),
    head: number('head'),
    opening: number('opening'),
    systemId: number('system'),
    modelId: String(row['model']),
    modelHistory: JSON.parse(String(row['model_history'])) as ModelHistory,
    compaction: row['compaction'] === null ? null : String(row['compaction']),
    createdAtMs: Number(row['created_ms']),
    updatedAtMs: Number(row['updated_ms']),
  }
}
