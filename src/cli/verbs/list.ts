import { formatBytes } from '../../spec/units.ts'
import type { Context } from '../context.ts'
import { table } from '../terminal.ts'

/** Models that can be used here: as the running daemon sees them, else by asking the engines and looking into the folders. */
export async function listVerb(context: Context): Promise<void> {
  const models = (await fromDaemon(context)) ?? (await fromEngines(context))
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
}

interface Row {
  readonly id: string
  readonly state: string
  readonly context_length: number
  readonly size_bytes: number | null
  readonly platform: string
}

async function fromDaemon(context: Context): Promise<readonly Row[] | undefined> {
  const client = await context.runningClient()
  return client?.models()
}

async function fromEngines({ config }: Context): Promise<readonly Row[]> {
  const { openModels } = await import('../../app/open-models.ts')
  await using models = await openModels(config)
  const { catalog } = models
  return (await catalog.list()).map(({ id, contextTokens, sizeBytes, platform }) => ({
    id,
    state: 'unloaded',
    context_length: contextTokens,
    size_bytes: sizeBytes,
    platform,
  }))
}
