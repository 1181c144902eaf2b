import { describeDecision } from '../../spec/decision-words.ts'
import { ResourceError } from '../../spec/errors.ts'
import type { RecordedDecision, RecordedRequest } from '../../spec/history.ts'
import { printableLine } from '../../spec/printable-text.ts'
import { restoreWords } from '../../spec/restore-words.ts'
import type { Context } from '../context.ts'
import { withHistory } from '../state-access.ts'
import { table } from '../terminal.ts'

/** Requests that are looked through for restores, so many at a time. */
const PAGE_REQUESTS = 1_000
const MOST_PAGES = 10

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
  const restores = eventId === undefined ? await restoresBeside(context, decisions, limit) : []
  const words = eventId === undefined ? aboutModel(named, decisions, restores) : aroundEvent(eventId, decisions)
  context.terminal.result({ decisions, restores }, words)
}

/** Answers of the same models since the first of these decisions that went on from a state on disk; the newest ones. */
async function restoresBeside(
  context: Context,
  decisions: readonly RecordedDecision[],
  limit: number,
): Promise<readonly RecordedRequest[]> {
  const [first] = decisions
  if (!first) return []
  const modelIds = new Set(decisions.map(({ modelId }) => modelId))
  return withHistory(context, async (history) => {
    const restores: RecordedRequest[] = []
    let afterEventId = first.eventId
    for (let page = 0; page < MOST_PAGES; page++) {
      const requests = await history.requests({ afterEventId, limit: PAGE_REQUESTS })
      restores.push(...requests.filter(({ restored, modelId }) => restored && modelIds.has(modelId)))
      const last = requests.at(-1)
      if (!last || requests.length < PAGE_REQUESTS) break
      afterEventId = last.eventId
    }
    return restores.slice(-limit)
  })
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

function aboutModel(
  modelId: string,
  decisions: readonly RecordedDecision[],
  restores: readonly RecordedRequest[],
): string {
  if (decisions.length > 0) return explainTable([...decisions.map(decisionRow), ...restores.map(restoreRow)])
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
  return explainTable(decisions.map(decisionRow), markedId)
}

interface Row {
  readonly atMs: number
  readonly eventId: number
  readonly modelId: string | undefined
  readonly words: string
}

function decisionRow(decision: RecordedDecision): Row {
  const { atMs, eventId, modelId } = decision
  return { atMs, eventId, modelId, words: describeDecision(decision) }
}

function restoreRow({ endedAtMs, eventId, modelId, restored, promptTokens, requestId }: RecordedRequest): Row {
  const gain = restored ? restoreWords(restored, promptTokens) : 'nothing restored'
  return { atMs: endedAtMs, eventId, modelId, words: `an answer went on from the KV cache: ${gain} (${requestId})` }
}

function explainTable(rows: readonly Row[], markedId?: number): string {
  const cells = rows
    .toSorted((a, b) => a.eventId - b.eventId)
    .map(({ atMs, eventId, modelId, words }) => [
      `${new Date(atMs).toISOString().slice(0, 23).replace('T', ' ')}Z`,
      `${eventId === markedId ? '> ' : ''}#${eventId}`,
      printableLine(modelId ?? '-'),
      printableLine(words),
    ])
  return table(['TIME', 'EVENT', 'MODEL', 'WHAT WAS DECIDED'], cells)
}
