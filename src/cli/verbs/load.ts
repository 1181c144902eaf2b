import { formatBytes, formatDuration } from '../../spec/units.ts'
import type { Context } from '../context.ts'
import { type KeepAliveOption, keepAliveWish } from '../keep-alive-option.ts'

export async function loadVerb(context: Context, model: string | undefined, options: KeepAliveOption): Promise<void> {
  const receipt = await (await context.client()).load(model, context.signal, keepAliveWish(options))
  const { modelId, footprintBytes, footprintSource, loadMs } = receipt
  const how = loadMs === 0 ? 'was in memory already' : `loaded in ${formatDuration(loadMs)}`
  context.terminal.result(receipt, `${modelId} ${how}: ${formatBytes(footprintBytes)} (${footprintSource})`)
}

export async function unloadVerb(context: Context, model: string | undefined): Promise<void> {
  const receipt = await (await context.client()).unload(model, context.signal)
  context.terminal.result(receipt, `${receipt.modelId} ${receipt.wasLoaded ? 'is unloaded' : 'was not in memory'}`)
}
