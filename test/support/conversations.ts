import type { ChatMessage } from '../../src/spec/chat.ts'
import type { AnswerOutcome, BegunTurn, Turn } from '../../src/spec/conversations.ts'
import type { ConversationStore } from '../../src/context/conversation-store.ts'
import { openDatabase } from '../../src/system/sqlite.ts'

export function user(content: string): ChatMessage {
  return { role: 'user', content }
}

export function assistant(content: string): ChatMessage {
  return { role: 'assistant', content }
}

export function system(content: string): ChatMessage {
  return { role: 'system', content }
}

export type Ask = Partial<Omit<Turn, 'messages'>>

/** A client's request as it reaches the store. */
export function turn(messages: readonly ChatMessage[], ask: Ask = {}): Turn {
  return { owner: 'local', modelId: 'tiny', atMs: 1_000, ...ask, messages }
}

/** A request and its answer. */
export function exchange(
  store: ConversationStore,
  messages: readonly ChatMessage[],
  answer: string,
  ask: Ask & { readonly outcome?: AnswerOutcome } = {},
): BegunTurn {
  const { outcome = 'ok', ...rest } = ask
  const asked = turn(messages, rest)
  const begun = store.begin(asked)
  store.finish(begun, { message: assistant(answer), modelId: asked.modelId, outcome, atMs: asked.atMs })
  return begun
}

/** Who said what, of a stored conversation. */
export async function textsOf(store: ConversationStore, id: string): Promise<readonly string[]> {
  return (await store.get(id)).messages.map(({ content }) => content)
}

const FAULTS: Readonly<Record<string, string>> = {
  'no parent or wrong depth': `SELECT node.id FROM node LEFT JOIN node AS parent ON parent.id = node.parent
    WHERE node.depth <> COALESCE(parent.depth, 0) + 1 OR (node.parent IS NOT NULL AND parent.id IS NULL)`,
  'wrong size of the way': `SELECT node.id FROM node LEFT JOIN node AS parent ON parent.id = node.parent
    WHERE node.path_bytes <> COALESCE(parent.path_bytes, 0) + node.bytes`,
  'wrong size': `SELECT id FROM node WHERE bytes <> octet_length(content) + COALESCE(octet_length(reasoning), 0) +
    COALESCE(octet_length(tool_calls), 0)`,
  'an end without a conversation': `SELECT id FROM node
    WHERE NOT EXISTS (SELECT 1 FROM node AS child WHERE child.parent = node.id)
    AND NOT EXISTS (SELECT 1 FROM conversation WHERE head = node.id)`,
  'no opening': `SELECT key AS id FROM conversation WHERE opening IS NOT NULL AND opening NOT IN (SELECT id FROM node)`,
  'a system prompt nobody has': `SELECT id FROM system_prompt WHERE id NOT IN (SELECT system FROM conversation WHERE system IS NOT NULL)`,
  'wrong totals': `SELECT 1 AS id FROM total WHERE nodes <> (SELECT COUNT(*) FROM node)
    OR conversations <> (SELECT COUNT(*) FROM conversation)
    OR bytes <> (SELECT COALESCE(SUM(bytes + 200), 0) FROM node) + 300 * (SELECT COUNT(*) FROM conversation)
      + (SELECT COALESCE(SUM(bytes + 100), 0) FROM system_prompt)
      + (SELECT COALESCE(SUM(bytes + 300), 0) FROM response)
    OR responses <> (SELECT COUNT(*) FROM response)`,
  'wrong size of a response':
    'SELECT key AS id FROM response WHERE bytes <> octet_length(input) + octet_length(answer)',
  'broken reference': 'SELECT rowid AS id FROM pragma_foreign_key_check',
  damage: "SELECT integrity_check AS id FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
}

/** What is wrong in a file of conversations, counted anew by a reader of its own; nothing = `[]`. */
export async function faultsIn(path: string): Promise<readonly string[]> {
  const database = await openDatabase(path)
  try {
    return Object.entries(FAULTS).flatMap(([fault, sql]) =>
      database
        .prepare(sql)
        .all()
        .map((row) => `${fault}: ${String(row['id'])}`),
    )
  } finally {
    database.close()
  }
}
