import { conversationMarkdown, timeText } from '../../spec/conversation-text.ts'
import type { ConversationArchive, ConversationSummary, StoredConversation } from '../../spec/conversations.ts'
import { ResourceError, resourceError } from '../../spec/errors.ts'
import { printableJson, printableLine } from '../../spec/printable-text.ts'
import { formatBytes } from '../../spec/units.ts'
import { isConfirmed } from '../confirmation.ts'
import type { Context } from '../context.ts'
import { withConversations } from '../state-access.ts'
import { table } from '../terminal.ts'

/** Summaries asked for at once. */
const PAGE_ROWS = 200

/** The conversations that are kept, last used first. */
export async function conversationsListVerb(context: Context, { limit }: { readonly limit: number }): Promise<void> {
  const conversations = await withConversations(context, (archive) => archive.list({ limit }))
  const rows = conversations.map(({ id, updatedAtMs, modelId, messageCount, bytes, title }) =>
    [id, timeText(updatedAtMs), modelId, String(messageCount), formatBytes(bytes), title].map(printableLine),
  )
  const head = ['ID', 'LAST USED', 'MODEL', 'MESSAGES', 'SIZE', 'TITLE']
  context.terminal.result({ conversations }, rows.length > 0 ? table(head, rows) : 'no conversation is kept')
}

export async function conversationsShowVerb(context: Context, id: string): Promise<void> {
  const conversation = await withConversations(context, (archive) => archive.get(id))
  context.terminal.result(conversation, conversationMarkdown(conversation))
}

export interface ExportOptions {
  /** `json`: everything, as it lies in the store. `markdown`: to read. */
  readonly format: 'json' | 'markdown'
  readonly all?: boolean
}

/** Writes one conversation, or all, to stdout. */
export async function conversationsExportVerb(
  context: Context,
  id: string | undefined,
  { format, all = false }: ExportOptions,
): Promise<void> {
  requireOneOrAll(id, all)
  if (context.terminal.isJson && format === 'markdown') {
    throw resourceError('invalid-request', 'With --json stdout holds JSON only: leave out --format markdown.')
  }
  const write = (text: string): void => void process.stdout.write(text)
  await withConversations(context, async (archive) => {
    if (id !== undefined) return write(`${exported(await archive.get(id), format)}\n`)
    // One at a time: all of them together may be larger than memory.
    let written = 0
    const [first, between, last] = format === 'json' ? ['{"conversations":[\n', ',\n', '\n]}\n'] : ['', '\n\n', '\n']
    write(first)
    for (const summary of await allSummaries(archive)) {
      context.signal.throwIfAborted()
      const conversation = await unlessDeleted(archive, summary.id)
      if (!conversation) continue
      write(`${written > 0 ? between : ''}${exported(conversation, format)}`)
      written += 1
    }
    write(written > 0 || format === 'json' ? last : '')
  })
}

export interface DeleteOptions {
  readonly all?: boolean
  /** Ask nothing. */
  readonly yes?: boolean
}

/** Deletes one conversation, or all; all of them only when a person has said so. */
export async function conversationsDeleteVerb(
  context: Context,
  id: string | undefined,
  { all = false, yes = false }: DeleteOptions,
): Promise<void> {
  requireOneOrAll(id, all)
  const question = 'Delete all conversations, for good? Type yes: '
  if (all && !yes && !(await isConfirmed(context, 'all conversations go', question))) {
    return context.terminal.result({ deleted: 0 }, 'nothing was deleted')
  }
  const deleted = await withConversations(context, async (archive) => {
    if (id === undefined) return archive.deleteAll()
    await archive.delete(id)
    return 1
  })
  context.terminal.result(
    { deleted },
    deleted === 1 ? '1 conversation is deleted' : `${deleted} conversations are deleted`,
  )
}

function requireOneOrAll(id: string | undefined, all: boolean): void {
  if ((id === undefined) === all) return
  const message = all
    ? 'Name one conversation, or --all, not both.'
    : 'Name a conversation (`grym conversations list`), or --all.'
  throw resourceError('invalid-request', message)
}

function exported(conversation: StoredConversation, format: ExportOptions['format']): string {
  return format === 'json' ? printableJson(conversation, 2) : conversationMarkdown(conversation)
}

/**
 * Page by page. Two that were last used in the same millisecond may stand on two pages, so a page begins with that
 * millisecond again; when that brings nothing new it is over and done with.
 */
async function allSummaries(archive: ConversationArchive): Promise<readonly ConversationSummary[]> {
  const known = new Map<string, ConversationSummary>()
  let beforeMs = Infinity
  for (;;) {
    const query = Number.isFinite(beforeMs) ? { limit: PAGE_ROWS, beforeMs } : { limit: PAGE_ROWS }
    const page = await archive.list(query)
    const last = page.at(-1)
    if (!last) return [...known.values()]
    const fresh = page.filter(({ id }) => !known.has(id))
    for (const summary of fresh) known.set(summary.id, summary)
    beforeMs = fresh.length > 0 ? last.updatedAtMs + 1 : last.updatedAtMs
  }
}

/** One that was deleted since it was listed is left out. */
async function unlessDeleted(archive: ConversationArchive, id: string): Promise<StoredConversation | undefined> {
  try {
    return await archive.get(id)
  } catch (error) {
    if (error instanceof ResourceError && error.reason === 'conversation-not-found') return undefined
    throw error
  }
}
