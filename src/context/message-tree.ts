import type { SQLOutputValue } from 'node:sqlite'
import type { ChatMessage, ToolCall } from '../spec/chat.ts'
import type { AnswerOutcome, StoredMessage } from '../spec/conversations.ts'
import type { StateDatabase } from '../system/state-database.ts'

export type Row = Record<string, SQLOutputValue>

/** A message inside its tree. */
export interface MessageNode {
  readonly id: number
  readonly hash: Uint8Array
  /** 1 = the first of a conversation. */
  readonly depth: number
  /** Text of this message and of all before it. */
  readonly pathBytes: number
}

/** What is known of a message beside what it says. */
export interface MessageStamp {
  readonly atMs: number
  readonly modelId?: string
  readonly outcome?: AnswerOutcome
}

/** From a head up to the first message. */
const PATH = `WITH RECURSIVE path (id, parent) AS (
  SELECT id, parent FROM node WHERE id = ?
  UNION ALL SELECT node.id, node.parent FROM path JOIN node ON node.id = path.parent)`

/** From a head up, as far as nobody else needs a node: no head of a conversation, no other child. */
const UNNEEDED = `WITH RECURSIVE unneeded (id, parent) AS (
  SELECT id, parent FROM node WHERE id = ?
    AND NOT EXISTS (SELECT 1 FROM node AS child WHERE child.parent = node.id)
    AND NOT EXISTS (SELECT 1 FROM conversation WHERE head = node.id)
  UNION ALL SELECT node.id, node.parent FROM unneeded JOIN node ON node.id = unneeded.parent
    WHERE NOT EXISTS (SELECT 1 FROM node AS child WHERE child.parent = node.id AND child.id <> unneeded.id)
    AND NOT EXISTS (SELECT 1 FROM conversation WHERE head = node.id))`

/** Steps from a node down to a head, at most: a branch from the beginning of a longer conversation names no parent. */
const MAX_STEPS_DOWN = 20_000

/** The nodes of `conversation-schema.ts`; called inside a transaction of the store. */
export class MessageTree {
  readonly #database: StateDatabase

  constructor(database: StateDatabase) {
    this.#database = database
  }

  /** The id of the node with this hash; the lookup of which a match makes some. */
  find(hash: Uint8Array): number | undefined {
    const row = this.#database.statement('SELECT id FROM node WHERE hash = ?').get(hash)
    return row && Number(row['id'])
  }

  node(id: number): MessageNode | undefined {
    const row = this.#database.statement('SELECT id, hash, depth, path_bytes FROM node WHERE id = ?').get(id)
    return row && toNode(row)
  }

  withHash(hash: Uint8Array): MessageNode | undefined {
    const row = this.#database.statement('SELECT id, hash, depth, path_bytes FROM node WHERE hash = ?').get(hash)
    return row && toNode(row)
  }

  /** Puts a message below another; `undefined` = the first of a conversation. */
  add(parent: MessageNode | undefined, message: ChatMessage, hash: Uint8Array, stamp: MessageStamp): MessageNode {
    const { role, content, reasoning = null, toolCallId = null } = message
    const toolCalls = message.toolCalls?.length ? JSON.stringify(message.toolCalls) : null
    const bytes = [content, reasoning, toolCalls].reduce((sum, text) => sum + Buffer.byteLength(text ?? ''), 0)
    const depth = (parent?.depth ?? 0) + 1
    const pathBytes = (parent?.pathBytes ?? 0) + bytes
    const { lastInsertRowid } = this.#database
      .statement(
        `INSERT INTO node (parent, hash, depth, bytes, path_bytes, at_ms, role, model, outcome, tool_calls, tool_call_id,
         content, reasoning) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        ...[parent?.id ?? null, hash, depth, bytes, pathBytes, Math.trunc(stamp.atMs), role],
        ...[stamp.modelId ?? null, stamp.outcome ?? null, toolCalls, toolCallId, content, reasoning],
      )
    return { id: Number(lastInsertRowid), hash, depth, pathBytes }
  }

  hasChildren(id: number): boolean {
    return this.#database.statement('SELECT 1 FROM node WHERE parent = ? LIMIT 1').get(id) !== undefined
  }

  /** Messages up to and with this one, oldest first; with `most` only the newest. */
  path(headId: number, most: number = Number.MAX_SAFE_INTEGER): StoredMessage[] {
    const sql = `${PATH}, newest AS (SELECT id FROM path LIMIT ?)
      SELECT node.* FROM newest JOIN node USING (id) ORDER BY depth`
    return this.#database.statement(sql).all(headId, most).map(toMessage)
  }

  /** The first message of a person on the way to this one. */
  opening(headId: number): number | null {
    const sql = `${PATH} SELECT node.id FROM path JOIN node USING (id) WHERE role = 'user' ORDER BY depth LIMIT 1`
    const row = this.#database.statement(sql).get(headId)
    return row ? Number(row['id']) : null
  }

  /** Some head at or below this node, by the newest child of each. */
  headBelow(id: number): number | undefined {
    const sql = `WITH RECURSIVE down (id, steps) AS (
        VALUES (?, 0)
        UNION ALL SELECT (SELECT MAX(id) FROM node WHERE parent = down.id), steps + 1 FROM down
          WHERE steps < ${MAX_STEPS_DOWN} AND NOT EXISTS (SELECT 1 FROM conversation WHERE head = down.id))
      SELECT id FROM down WHERE id IS NOT NULL AND EXISTS (SELECT 1 FROM conversation WHERE head = down.id) LIMIT 1`
    const row = this.#database.statement(sql).get(id)
    return row && Number(row['id'])
  }

  /** Deletes what was a head and is none any more, and what led to nothing else. Returns how many nodes went. */
  prune(headId: number): number {
    const sql = `DELETE FROM node WHERE id IN (${UNNEEDED} SELECT id FROM unneeded)`
    return Number(this.#database.statement(sql).run(headId).changes)
  }
}

function toNode(row: Row): MessageNode {
  return {
    id: Number(row['id']),
    hash: row['hash'] as Uint8Array,
    depth: Number(row['depth']),
    pathBytes: Number(row['path_bytes']),
  }
}

function toMessage(row: Row): StoredMessage {
  return {
    role: row['role'] as ChatMessage['role'],
    content: String(row['content']),
    ...(row['tool_calls'] !== null && { toolCalls: JSON.parse(String(row['tool_calls'])) as ToolCall[] }),
    ...(row['tool_call_id'] !== null && { toolCallId: String(row['tool_call_id']) }),
    ...(row['reasoning'] !== null && { reasoning: String(row['reasoning']) }),
    atMs: Number(row['at_ms']),
    ...(row['model'] !== null && { modelId: String(row['model']) }),
    ...(row['outcome'] !== null && { outcome: row['outcome'] as AnswerOutcome }),
  }
}
