import { describeDecision } from '../../spec/decision-words.ts'
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
  const modelId = subject === 'default' ? context.config.defaultModel : subject
  const decisions = await withHistory(context, (history) =>
    history.decisions({ limit, ...(eventId === undefined ? { modelId } : { eventId }) }),
  )
  const words = eventId === undefined ? aboutModel(modelId, decisions) : aroundEvent(eventId, decisions)
  context.terminal.result({ decisions }, words)
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
