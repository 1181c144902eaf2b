import { printableText } from '../../spec/printable-text.ts'
import type { Context } from '../context.ts'

/** What a model's engine printed last, by the running daemon. */
export async function logsVerb(context: Context, model: string | undefined): Promise<void> {
  const log = await (await context.client()).engineLog(model)
  const nothing = `The engine of ${log.modelId} has printed nothing since grym started, or it is none that grym starts.`
  context.terminal.result(log, log.lines.length > 0 ? log.lines.map(printableText).join('\n') : nothing)
}
