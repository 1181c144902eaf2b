import { printableLine } from '../../spec/printable-text.ts'
import { formatBytes } from '../../spec/units.ts'
import type { Context } from '../context.ts'
import { table } from '../terminal.ts'

/**
 * Models that can be used here: as the running daemon sees them, else by asking the engines and looking into the folders.
 * An engine that could not be asked is told on stderr: without that its models would be missing in silence.
 */
export async function listVerb(context: Context): Promise<void> {
  const { models, faults } = (await fromDaemon(context)) ?? (await fromEngines(context))
  const rows = models.map(({ id, state, context_length, size_bytes, platform }) => [
    id,
    size_bytes === null ? '?' : formatBytes(size_bytes),
    String(context_length),
    platform,
    state,
  ])
  const words =
    rows.length > 0
      ? table(['NAME', 'SIZE', 'CONTEXT', 'ENGINE', 'STATE'], rows)
      : 'no models yet; get one with `grym pull smollm2`'
  context.terminal.result({ models }, words)
  for (const fault of faults) context.terminal.notice(printableLine(fault))
}

interface Row {
  readonly id: string
  readonly state: string
  readonly context_length: number
  readonly size_bytes: number | null
  readonly platform: string
}

interface Seen {
  readonly models: readonly Row[]
  /** Why engines could not be asked; a daemon does not tell with its list. */
  readonly faults: readonly string[]
}

async function fromDaemon(context: Context): Promise<Seen | undefined> {
  const client = await context.runningClient()
  return client && { models: await client.models(), faults: [] }
}

async function fromEngines({ config }: Context): Promise<Seen> {
  const { withModels } = await import('../../app/open-models.ts')
  return withModels(config, async ({ catalog }) => {
    const models = (await catalog.list()).map(({ id, contextTokens, sizeBytes, platform }) => ({
      id,
      state: 'unloaded',
      context_length: contextTokens,
      size_bytes: sizeBytes,
      platform,
    }))
    return { models, faults: catalog.faults() }
  })
}
