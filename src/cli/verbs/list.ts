import { formatBytes } from '../../spec/units.ts'
import type { Context } from '../context.ts'
import { table } from '../terminal.ts'

/** Models that can be used here: as the running daemon sees them, else by looking into the folders. */
export async function listVerb(context: Context): Promise<void> {
  const models = (await fromDaemon(context)) ?? (await fromFolders(context))
  const rows = models.map(({ id, state, context_length, size_bytes }) => [
    id,
    size_bytes === null ? '?' : formatBytes(size_bytes),
    String(context_length),
    state,
  ])
  const words =
    rows.length > 0
      ? table(['NAME', 'SIZE', 'CONTEXT', 'STATE'], rows)
      : 'no models yet; get one with `grym pull smollm2`'
  context.terminal.result({ models }, words)
}

interface Row {
  readonly id: string
  readonly state: string
  readonly context_length: number
  readonly size_bytes: number | null
}

async function fromDaemon(context: Context): Promise<readonly Row[] | undefined> {
  const client = await context.runningClient()
  return client?.models()
}

async function fromFolders({ config }: Context): Promise<readonly Row[]> {
  const { foldersOf, openCatalog } = await import('../../app/compose.ts')
  const { catalog } = await openCatalog(config, await foldersOf(config))
  return (await catalog.list()).map(({ id, contextTokens, sizeBytes }) => ({
    id,
    state: 'unloaded',
    context_length: contextTokens,
    size_bytes: sizeBytes,
  }))
}
