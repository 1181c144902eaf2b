import type { OwnerId } from '../spec/owner-id.ts'
import type { NewResponse, ResponseArchive, StoredResponse } from '../spec/stored-responses.ts'
import type { StateDatabase } from '../system/state-database.ts'
import type { ConversationTable } from './conversation-table.ts'
import type { Row } from './message-tree.ts'

/** Longest chain that is followed. */
const MOST_IN_CHAIN = 10_000
/** Responses that go in one call, so that no request waits long for the deletion of others. */
const MAX_REMOVED_PER_CALL = 50

/** The store around the responses: one file, one set of limits. */
export interface ResponseSurroundings {
  readonly database: StateDatabase
  readonly conversations: ConversationTable
  /** Removes conversations that are beyond the limits, but for the one in use. Then: may there be so many responses and bytes? */
  readonly makeRoom: (nowMs: number, keyInUse: number) => (responses: number, bytes: number) => boolean
  /** Something was removed whose text still lies in the log. */
  readonly onRemoved: () => void
  /** Makes what was deleted unreadable in the file. */
  readonly forget: () => void
}

/** Responses in the file of the conversations, whose limits they share. Each call is one transaction. */
export class KeptResponses implements ResponseArchive {
  readonly #around: ResponseSurroundings

  constructor(around: ResponseSurroundings) {
    this.#around = around
  }

  keep({ id, previousId, owner, conversationId, input, response, atMs }: NewResponse): boolean {
    const { database, conversations, makeRoom } = this.#around
    const [sent, given] = [JSON.stringify(input), JSON.stringify(response)]
    const bytes = Buffer.byteLength(sent) + Buffer.byteLength(given)
    return database.transaction(() => {
      const conversation = conversations.byId(conversationId)
      if (conversation?.owner !== owner) return false
      const sql = `INSERT INTO response (id, owner, conversation, previous, bytes, at_ms, input, answer)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
      const values = [id, owner, conversation.key, previousId, bytes, Math.trunc(atMs), sent, given]
      const { lastInsertRowid: key } = database.statement(sql).run(...values)
      this.#removeSurplus(Number(key), makeRoom(atMs, conversation.key))
      return true
    })
  }

  find(owner: OwnerId, id: string): StoredResponse | undefined {
    const row = this.#around.database.statement('SELECT * FROM response WHERE id = ? AND owner = ?').get(id, owner)
    return row && toResponse(row)
  }

  chain(owner: OwnerId, id: string): readonly StoredResponse[] {
    const sql = `WITH RECURSIVE chain (key, previous, depth) AS (
        SELECT key, previous, 1 FROM response WHERE id = ?1 AND owner = ?2
        UNION ALL
        SELECT response.key, response.previous, depth + 1 FROM chain JOIN response ON response.id = chain.previous
        WHERE response.owner = ?2 AND depth < ${MOST_IN_CHAIN}
      ) SELECT response.* FROM chain JOIN response ON response.key = chain.key ORDER BY depth DESC`
    return this.#around.database.statement(sql).all(id, owner).map(toResponse)
  }

  delete(owner: OwnerId, id: string): boolean {
    const { database, conversations, forget } = this.#around
    const isGone = database.transaction(() => {
      const sql = 'DELETE FROM response WHERE id = ? AND owner = ? RETURNING conversation'
      const removed = database.statement(sql).get(id, owner)
      if (!removed) return false
      const emptied = `SELECT id FROM conversation WHERE key = ? AND is_named = 0
        AND NOT EXISTS (SELECT 1 FROM response WHERE conversation = conversation.key)`
      const row = database.statement(emptied).get(Number(removed['conversation']))
      const conversation = row && conversations.byId(String(row['id']))
      if (conversation) conversations.remove(conversation)
      return true
    })
    if (isGone) forget()
    return isGone
  }

  /** The oldest go, until the rest may stay; the newest always does. */
  #removeSurplus(newestKey: number, isAllowed: (responses: number, bytes: number) => boolean): void {
    const { database, onRemoved } = this.#around
    for (let removed = 0; removed < MAX_REMOVED_PER_CALL; removed++) {
      const total = database.statement('SELECT responses, bytes FROM total').get()
      if (isAllowed(Number(total?.['responses']), Number(total?.['bytes']))) return
      const sql = 'DELETE FROM response WHERE key = (SELECT MIN(key) FROM response) AND key <> ?'
      if (database.statement(sql).run(newestKey).changes === 0) return
      onRemoved()
    }
  }
}

function toResponse(row: Row): StoredResponse {
  return {
    id: String(row['id']),
    previousId: row['previous'] === null ? null : String(row['previous']),
    input: JSON.parse(String(row['input'])) as readonly object[],
    response: JSON.parse(String(row['answer'])) as object,
  }
}
