import { describeDecision } from '../../spec/decision-words.ts'
import { ResourceError } from '../../spec/errors.ts'
import type { RecordedDecision } from '../../spec/history.ts'
import { printableLine } from '../../spec/printable-text.ts'
import type { Context } from '../context.ts'
import { withHistory } from '../state-access.ts'
import { table } from '../terminal.ts'

export interface ExplainOptions {
  /** At most as many decisions. */
  readonly limit: number
}

/** What was decided about a model, or around an event, and on what. Newest last, where the eye is. */
export async function explainVerb(context: Context, subject: string, { limit }: ExplainOptions): Promise<void> {
  const eventId = /^#?\d+$/.test(subject) ? Number(subject.replace('#', '')) : undefined
  const named = subject === 'default' ? context.config.defaultModel : subject
  const about = (query: { eventId: number } | { modelId: string }): Promise<readonly RecordedDecision[]> =>
    withHistory(context, (history) => history.decisions({ limit, ...query }))
  let decisions = await about(eventId === undefined ? { modelId: named } : { eventId })
  if (eventId === undefined && decisions.length === 0) {
    // The journal knows models by their ids; this may be another name of one.
    const modelId = await idOf(context, named)
    if (modelId !== named) decisions = await about({ modelId })
  }
  const words = eventId === undefined ? aboutModel(named, decisions) : aroundEvent(eventId, decisions)
  context.terminal.result({ decisions }, words)
}

/** What the journal calls the model of this name; a name that leads nowhere now may be one that it knows. */
async function idOf(context: Context, name: string): Promise<string> {
  try {
    const client = await context.runningClient()
    if (client) return await client.identify(name)
    const { withModels } = await import('../../app/open-models.ts')
    return await withModels(context.config, async ({ catalog }) => (await catalog.resolve(name)).id)
  } catch (error) {
    if (error instanceof ResourceError) return name
    throw error
  }
}

function aboutModel(modelId: string, decisions: readonly RecordedDecision[]): string {
  if (decisions.length > 0) return decisionTable(decisions)
  return (
    `Nothing is recorded about '${printableLine(modelId)}': it was not used while the records go back, or has another ` +
    'name. See `grym list` for names.'
  )
}

function aroundEvent(eventId: number, decisions: readonly RecordedDecision[]): string {
  if (decisions.length === 0) {
    return (
      `No decision with event ${eventId} is recorded: it is older than the records, or there was none yet. ` +
      'See `grym events` for ids, or name a model.'
    )
  }
  const rows = decisionTable(decisions, eventId)
  if (decisions.some((decision) => decision.eventId === eventId)) return rows
  return `Event ${eventId} is no decision. What was decided about its request or model, or else before it:\n${rows}`
}

function decisionTable(decisions: readonly RecordedDecision[], markedId?: number): string {
  const rows = decisions.map((decision) => [
    `${new Date(decision.atMs).toISOString().slice(0, 23).replace('T', ' ')}Z`,
    `${decision.eventId === markedId ? '> ' : ''}#${decision.eventId}`,
    printableLine(decision.modelId ?? '-'),
    printableLine(describeDecision(decision)),
  ])
  return table(['TIME', 'EVENT', 'MODEL', 'WHAT WAS DECIDED'], rows)
}
