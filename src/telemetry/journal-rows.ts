import type { GrymEvent } from '../spec/events.ts'
import type { RecordedDecision, RecordedRequest } from '../spec/history.ts'
import type { RestoreGain } from '../spec/restored-state.ts'
import type { StateDatabase } from '../system/state-database.ts'

/** Events that the journal keeps. */
export type KeptEvent = Extract<GrymEvent, { type: 'decided' | 'requestFinished' }>

/** Tables with a cap each, and the column that says how old a row is. */
export const JOURNAL_TABLES = { decision: 'at_ms', request: 'ended_at_ms' } as const
export type JournalTable = keyof typeof JOURNAL_TABLES

/**
 * The schema, by version. Rows are keyed by the id of their event, which is also their order. An index on `model_id`
 * or `request_id` holds that key as well, so "the newest of this model" is read backwards without sorting.
 * `numbering` has one row: no event of an earlier run has a larger id.
 */
export const JOURNAL_MIGRATIONS: readonly string[] = [
  `CREATE TABLE decision (
     event_id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, decision TEXT NOT NULL, model_id TEXT, request_id TEXT,
     reason TEXT, inputs TEXT NOT NULL
   );
   CREATE INDEX decision_by_model ON decision (model_id);
   CREATE INDEX decision_by_request ON decision (request_id) WHERE request_id IS NOT NULL;
   CREATE TABLE request (
     event_id INTEGER PRIMARY KEY, ended_at_ms INTEGER NOT NULL, request_id TEXT NOT NULL, model_id TEXT NOT NULL,
     outcome TEXT NOT NULL, arrived_at_ms INTEGER NOT NULL, queue_wait_ms INTEGER NOT NULL, load_ms INTEGER NOT NULL,
     first_text_ms INTEGER, prompt_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
     generated_tokens INTEGER NOT NULL, duration_ms INTEGER NOT NULL, footprint_bytes INTEGER NOT NULL
   );
   CREATE TABLE numbering (last_event_id INTEGER NOT NULL);
   INSERT INTO numbering VALUES (0)`,
  // 2: `cached_tokens` may be NULL: not every engine tells. SQLite takes a NOT NULL back only with a new table.
  `CREATE TABLE request_2 (
     event_id INTEGER PRIMARY KEY, ended_at_ms INTEGER NOT NULL, request_id TEXT NOT NULL, model_id TEXT NOT NULL,
     outcome TEXT NOT NULL, arrived_at_ms INTEGER NOT NULL, queue_wait_ms INTEGER NOT NULL, load_ms INTEGER NOT NULL,
     first_text_ms INTEGER, prompt_tokens INTEGER NOT NULL, cached_tokens INTEGER,
     generated_tokens INTEGER NOT NULL, duration_ms INTEGER NOT NULL, footprint_bytes INTEGER NOT NULL
   );
   INSERT INTO request_2 SELECT * FROM request;
   DROP TABLE request;
   ALTER TABLE request_2 RENAME TO request`,
  // 3: what came from the KV cache on disk; NULL = nothing, and of `saved_ms` also = not measured.
  `ALTER TABLE request ADD COLUMN restored_tokens INTEGER;
   ALTER TABLE request ADD COLUMN restore_ms INTEGER;
   ALTER TABLE request ADD COLUMN saved_ms INTEGER`,
]

type Row = Readonly<Record<string, unknown>>

/** Writes one event into its table; false = a row with its id was there already, and stays. */
export function insertEvent(database: StateDatabase, event: KeptEvent): boolean {
  const { changes } = event.type === 'decided' ? insertDecision(database, event) : insertRequest(database, event)
  return Number(changes) > 0
}

function insertDecision(
  database: StateDatabase,
  { id, data }: Extract<KeptEvent, { type: 'decided' }>,
): { readonly changes: number | bigint } {
  const { atMs, decision, modelId, requestId, reason, inputs } = data
  return database
    .statement('INSERT OR IGNORE INTO decision VALUES (?, ?, ?, ?, ?, ?, ?)')
    .run(id, atMs, decision, modelId ?? null, requestId ?? null, reason ?? null, JSON.stringify(inputs))
}

function insertRequest(
  database: StateDatabase,
  { id, atMs, data }: Extract<KeptEvent, { type: 'requestFinished' }>,
): { readonly changes: number | bigint } {
  return database
    .statement('INSERT OR IGNORE INTO request VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
    .run(
      id,
      atMs,
      data.requestId,
      data.modelId,
      data.outcome,
      data.arrivedAtMs,
      data.queueWaitMs,
      data.loadMs,
      data.firstTextMs,
      data.promptTokens,
      data.cachedTokens,
      data.generatedTokens,
      data.durationMs,
      data.footprintBytes,
      data.restored?.tokens ?? null,
      data.restored?.restoreMs ?? null,
      data.restored?.savedMs ?? null,
    )
}

export function toDecision(row: Row): RecordedDecision {
  return {
    eventId: Number(row['event_id']),
    atMs: Number(row['at_ms']),
    decision: row['decision'] as RecordedDecision['decision'],
    ...(row['model_id'] !== null && { modelId: row['model_id'] as string }),
    ...(row['request_id'] !== null && { requestId: row['request_id'] as string }),
    ...(row['reason'] !== null && { reason: row['reason'] as NonNullable<RecordedDecision['reason']> }),
    inputs: JSON.parse(row['inputs'] as string) as RecordedDecision['inputs'],
  }
}

export function toRequest(row: Row): RecordedRequest {
  return {
    eventId: Number(row['event_id']),
    endedAtMs: Number(row['ended_at_ms']),
    requestId: row['request_id'] as string,
    modelId: row['model_id'] as string,
    outcome: row['outcome'] as RecordedRequest['outcome'],
    arrivedAtMs: Number(row['arrived_at_ms']),
    queueWaitMs: Number(row['queue_wait_ms']),
    loadMs: Number(row['load_ms']),
    firstTextMs: row['first_text_ms'] === null ? null : Number(row['first_text_ms']),
    promptTokens: Number(row['prompt_tokens']),
    cachedTokens: row['cached_tokens'] === null ? null : Number(row['cached_tokens']),
    generatedTokens: Number(row['generated_tokens']),
    durationMs: Number(row['duration_ms']),
    footprintBytes: Number(row['footprint_bytes']),
    ...(row['restored_tokens'] != null && { restored: toGain(row) }),
  }
}

function toGain(row: Row): RestoreGain {
  const savedMs = row['saved_ms'] === null ? null : Number(row['saved_ms'])
  return { tokens: Number(row['restored_tokens']), restoreMs: Number(row['restore_ms']), savedMs }
}
