import type { DecisionQuery, RecordedDecision } from '../spec/history.ts'
import type { StateDatabase } from '../system/state-database.ts'
import { toDecision } from './journal-rows.ts'

/** Decisions about the same model are told with an event when they were taken within this time of it. */
const AROUND_MS = 60_000

/** What an event was about: the middle of what is told of it. */
interface Middle {
  readonly eventId: number
  readonly atMs: number
  readonly modelId: string | undefined
  readonly requestId: string | undefined
}

/** Answers a query from the database, oldest first. */
export function findDecisions(database: StateDatabase, query: DecisionQuery): readonly RecordedDecision[] {
  const { modelId, eventId, limit } = query
  if (eventId !== undefined) return findAround(database, { ...query, eventId })
  if (modelId !== undefined) return upTo(database, modelId, Number.MAX_SAFE_INTEGER, limit).toReversed()
  const newest = database.statement('SELECT * FROM decision ORDER BY event_id DESC LIMIT ?').all(limit)
  return newest.map(toDecision).toReversed()
}

/**
 * What belongs to an event, at most `limit`: first of all what it told itself, then the decisions about the same
 * request whenever they were taken, then those about the same model, the nearest first.
 */
function findAround(
  database: StateDatabase,
  { eventId, modelId, limit }: DecisionQuery & { readonly eventId: number },
): readonly RecordedDecision[] {
  const middle = middleOf(database, eventId)
  if (!middle) return []
  const near = nearOnes(database, middle, limit)
  const found = new Map(
    [...ofRequest(database, middle, limit), ...near].map((decision) => [decision.eventId, decision] as const),
  )
  const rank = (decision: RecordedDecision): number => {
    if (decision.eventId === middle.eventId) return 0
    return middle.requestId !== undefined && decision.requestId === middle.requestId ? 1 : 2
  }
  const distance = (decision: RecordedDecision): number => Math.abs(decision.eventId - middle.eventId)
  return [...found.values()]
    .filter((decision) => modelId === undefined || decision.modelId === modelId)
    .sort((a, b) => rank(a) - rank(b) || distance(a) - distance(b))
    .slice(0, limit)
    .sort((a, b) => a.eventId - b.eventId)
}

/**
 * In this order: the decision that the event told; the request whose end it told; for any other event (a model that
 * was loaded, a reading) the last decision before it, which is mostly the one it follows from.
 */
function middleOf(database: StateDatabase, eventId: number): Middle | undefined {
  const decided = database.statement('SELECT * FROM decision WHERE event_id = ?').get(eventId)
  if (decided) return asMiddle(toDecision(decided))
  const request = database
    .statement('SELECT ended_at_ms, model_id, request_id FROM request WHERE event_id = ?')
    .get(eventId)
  if (request) {
    const atMs = Number(request['ended_at_ms'])
    return { eventId, atMs, modelId: String(request['model_id']), requestId: String(request['request_id']) }
  }
  const before = database
    .statement('SELECT * FROM decision WHERE event_id < ? ORDER BY event_id DESC LIMIT 1')
    .get(eventId)
  return before && asMiddle(toDecision(before))
}

function asMiddle({ eventId, atMs, modelId, requestId }: RecordedDecision): Middle {
  return { eventId, atMs, modelId, requestId }
}

function ofRequest(database: StateDatabase, { requestId }: Middle, limit: number): RecordedDecision[] {
  if (requestId === undefined) return []
  const sql = 'SELECT * FROM decision WHERE request_id = ? ORDER BY event_id DESC LIMIT ?'
  return database.statement(sql).all(requestId, limit).map(toDecision)
}

/** About the same model, on both sides of the middle; of a middle without a model only that one itself. */
function nearOnes(database: StateDatabase, middle: Middle, limit: number): RecordedDecision[] {
  const { eventId, atMs, modelId } = middle
  if (modelId === undefined) {
    return database.statement('SELECT * FROM decision WHERE event_id = ?').all(eventId).map(toDecision)
  }
  const sql = 'SELECT * FROM decision WHERE model_id = ? AND event_id > ? ORDER BY event_id LIMIT ?'
  const after = database.statement(sql).all(modelId, eventId, limit).map(toDecision)
  return [...upTo(database, modelId, eventId, limit), ...after].filter(
    (decision) => Math.abs(decision.atMs - atMs) <= AROUND_MS,
  )
}

/** Newest first. */
function upTo(database: StateDatabase, modelId: string, eventId: number, limit: number): RecordedDecision[] {
  const sql = 'SELECT * FROM decision WHERE model_id = ? AND event_id <= ? ORDER BY event_id DESC LIMIT ?'
  return database.statement(sql).all(modelId, eventId, limit).map(toDecision)
}
