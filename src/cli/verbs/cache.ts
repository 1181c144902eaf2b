import { timeText } from '../../spec/conversation-text.ts'
import type { CacheEntry, CacheReport } from '../../spec/state-cache.ts'
import { resourceError } from '../../spec/errors.ts'
import { printableLine } from '../../spec/printable-text.ts'
import { counted, grouped, restoreTotalWords } from '../../spec/restore-words.ts'
import { formatBytes } from '../../spec/units.ts'
import { isConfirmed } from '../confirmation.ts'
import type { Context } from '../context.ts'
import { withCache } from '../state-access.ts'
import { table } from '../terminal.ts'

export interface CacheOptions {
  /** Its states alone. */
  readonly model?: string
}

/** What is saved, last used first. */
export async function cacheListVerb(context: Context, { model }: CacheOptions): Promise<void> {
  const listed = await withCache(context, (cache) => cache.list(model))
  const rows = listed.entries.map((entry) =>
    [
      entry.entryId,
      timeText(entry.lastUsedAtMs),
      entry.modelId,
      grouped(entry.tokens),
      formatBytes(entry.bytes),
      String(entry.restores),
      entry.priority,
      entry.conversationId ?? '-',
    ].map(printableLine),
  )
  const head = ['ID', 'LAST USED', 'MODEL', 'TOKENS', 'SIZE', 'RESTORED', 'PRIORITY', 'CONVERSATION']
  const lines = [rows.length > 0 ? table(head, rows) : 'no state is saved', sizeText(listed.report)]
  context.terminal.result(listed, lines.join('\n'))
}

/** The cache as a whole, or one entry. */
export async function cacheShowVerb(context: Context, id: string | undefined): Promise<void> {
  const { report, entries } = await withCache(context, (cache) => cache.list())
  if (id === undefined) return context.terminal.result(report, reportText(report))
  const entry = entries.find(({ entryId }) => entryId === id)
  if (!entry) {
    throw resourceError('invalid-request', `No saved state is called '${printableLine(id)}'. See \`grym cache list\`.`)
  }
  context.terminal.result(entry, entryText(entry))
}

export async function cachePruneVerb(context: Context): Promise<void> {
  const gone = await withCache(context, (cache) => cache.prune())
  context.terminal.result(gone, `${statesText(gone.removed)} removed, ${formatBytes(gone.bytes)} freed`)
}

/** Reads every file. Fails where one cannot be used: nothing of it will be restored, and its line says why. */
export async function cacheVerifyVerb(context: Context): Promise<void> {
  const verified = await withCache(context, (cache) => cache.verify())
  const lines = verified.corrupt.map(
    ({ path, reason }) => `not usable: ${printableLine(path)}: ${printableLine(reason)}`,
  )
  context.terminal.result(verified, [`${statesText(verified.verified)} whole`, ...lines].join('\n'))
  if (verified.corrupt.length === 0) return
  const { length } = verified.corrupt
  const message = `${length === 1 ? '1 file of the KV cache cannot be used; its conversation is' : `${length} files of the KV cache cannot be used; their conversations are`} read again from the text.`
  throw resourceError('cache-operation-failed', message)
}

/** Deletes the states of a model, or all of them; all only when a person has said so. */
export async function cacheClearVerb(
  context: Context,
  { model, yes = false }: CacheOptions & { readonly yes?: boolean },
): Promise<void> {
  const question = 'Delete all saved states? Conversations stay. Type yes: '
  if (model === undefined && !yes && !(await isConfirmed(context, 'all saved states go', question))) {
    return context.terminal.result({ removed: 0, bytes: 0 }, 'nothing was deleted')
  }
  const gone = await withCache(context, (cache) => cache.clear(model))
  context.terminal.result(gone, `${statesText(gone.removed)} deleted, ${formatBytes(gone.bytes)} freed`)
}

function statesText(count: number): string {
  return count === 1 ? '1 state is' : `${count} states are`
}

function sizeText({ entries, bytes, maxBytes, maxEntries }: CacheReport): string {
  return `${entries} of at most ${grouped(maxEntries)} states, ${formatBytes(bytes)} of at most ${formatBytes(maxBytes)}`
}

function reportText(report: CacheReport): string {
  const { folder, isEnabled, writtenLastHourBytes, writeBudgetBytesPerHour, totals } = report
  return [
    `${folder}${isEnabled ? '' : ' (switched off: nothing is written and nothing is restored)'}`,
    sizeText(report),
    `written in the last hour: ${formatBytes(writtenLastHourBytes)}, budget ${formatBytes(writeBudgetBytesPerHour)}`,
    `since it was made: ${counted(totals.savedStates, 'state')} saved, ${formatBytes(totals.writtenBytes)} written, ${totals.rejected} rejected`,
    `restored: ${restoreTotalWords(totals)}`,
  ].join('\n')
}

function entryText(entry: CacheEntry): string {
  const { path, modelId, conversationId, tokens, bytes, createdAtMs, lastUsedAtMs, expiresAtMs, priority } = entry
  return [
    printableLine(path),
    `model ${printableLine(modelId)}, conversation ${printableLine(conversationId ?? '-')}`,
    `${grouped(tokens)} tokens, ${formatBytes(bytes)}, restored ${counted(entry.restores, 'time')}, priority ${priority}`,
    `saved ${timeText(createdAtMs)}, last used ${timeText(lastUsedAtMs)}, ${expiresAtMs === null ? 'kept without end' : `kept until ${timeText(expiresAtMs)}`}`,
  ].join('\n')
}
