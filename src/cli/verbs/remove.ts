import { formatBytes } from '../../spec/units.ts'
import type { Context } from '../context.ts'

/** Deletes a model's file; the running daemon lets go of it first. */
export async function removeVerb(context: Context, model: string): Promise<void> {
  const { foldersOf, openCatalog } = await import('../../app/compose.ts')
  const { catalog } = await openCatalog(context.config, await foldersOf(context.config))
  const { id } = await catalog.resolve(model)
  // Before the daemon lets go of it for nothing.
  await catalog.checkRemovable(id)
  const client = await context.runningClient()
  await client?.unload(id, context.signal)
  const freedBytes = await catalog.remove(id)
  context.terminal.result({ model: id, freedBytes }, `${id} is gone; ${formatBytes(freedBytes)} freed`)
}
