import type { GrymEvent } from '../../spec/events.ts'
import type { Context } from '../context.ts'

/** Follows what happens in the daemon until Ctrl-C. */
export async function eventsVerb(context: Context, afterEventId: number | undefined): Promise<void> {
  const client = await context.client()
  try {
    for await (const event of client.events(afterEventId, context.signal))
      context.terminal.result(event, describe(event))
  } catch (error) {
    // Ctrl-C is how following ends.
    if (!context.signal.aborted) throw error
  }
}

function describe({ id, type, atMs, data }: GrymEvent): string {
  const time = new Date(atMs).toISOString().slice(11, 23)
  const fields = Object.entries(data).map(
    ([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
  )
  return `${time} #${id} ${type} ${fields.join(' ')}`
}
