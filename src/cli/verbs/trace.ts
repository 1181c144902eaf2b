import { randomBytes } from 'node:crypto'
import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from '../../spec/error-code.ts'
import { resourceError } from '../../spec/errors.ts'
import type { History, RecordedRequest } from '../../spec/history.ts'
import { printableJson } from '../../spec/printable-text.ts'
import { traceRows } from '../../spec/trace-row.ts'
import type { Context } from '../context.ts'
import { withHistory } from '../state-access.ts'

/** Requests asked for at once. */
const PAGE_ROWS = 1_000

export interface TraceExportOptions {
  /** Replace a file that is there. */
  readonly force?: boolean
}

/** Writes every recorded request as a line of JSON, in order of arrival: to a file, else (or for `-`) to stdout. */
export async function traceExportVerb(
  context: Context,
  target: string | undefined,
  { force = false }: TraceExportOptions,
): Promise<void> {
  const { terminal, signal } = context
  const file = target === '-' ? undefined : target
  if (file !== undefined) await refuseOverwriting(file, force)
  const rows = traceRows(await withHistory(context, (history) => allRequests(history, signal)))
  const text = rows.map((row) => `${printableJson(row)}\n`).join('')
  if (file === undefined) process.stdout.write(text)
  else await writeBeside(file, text)
  const count = rows.length === 1 ? '1 request' : `${rows.length} requests`
  if (rows.length === 0) terminal.notice('No request is recorded yet: ask something first.')
  else if (file === undefined) terminal.notice(count)
  if (file !== undefined) terminal.result({ file, rows: rows.length }, `${count} in ${file}`)
}

/** Page by page until one is empty; what ends meanwhile comes along. */
async function allRequests(history: History, signal: AbortSignal): Promise<readonly RecordedRequest[]> {
  const requests: RecordedRequest[] = []
  for (;;) {
    signal.throwIfAborted()
    const afterEventId = requests.at(-1)?.eventId ?? 0
    const page = await history.requests({ afterEventId, limit: PAGE_ROWS })
    if (page.length === 0) return requests
    requests.push(...page)
  }
}

/** Before anything is asked for. Only a plain file may be replaced, never a device or a folder. */
async function refuseOverwriting(file: string, force: boolean): Promise<void> {
  let isPlain: boolean
  try {
    isPlain = (await stat(file)).isFile()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw cannotWrite(file, error)
  }
  if (!isPlain) throw resourceError('invalid-request', `${file} is not a plain file. Name another one.`)
  if (!force) throw resourceError('invalid-request', `${file} is there already. Name another one, or add --force.`)
}

/** Whole or not at all: written beside its place, then renamed. */
async function writeBeside(file: string, text: string): Promise<void> {
  const beside = join(dirname(file), `.${randomBytes(6).toString('hex')}.tmp`)
  try {
    const handle = await open(beside, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(beside, file)
  } catch (error) {
    await rm(beside, { force: true })
    throw cannotWrite(file, error)
  }
}

function cannotWrite(file: string, error: unknown): Error {
  const code = codeOf(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return resourceError('disk-full', `No room is left for ${file}. Free space, or name another place.`, {
      cause: error,
    })
  }
  const message = `${file} cannot be written (${code ?? String(error)}). Name another place.`
  return resourceError('invalid-request', message, { cause: error })
}
