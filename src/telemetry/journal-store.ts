import type { Clock, Timer } from '../spec/clock.ts'
import type { GrymEvent } from '../spec/events.ts'
import type { DecisionQuery, History, RecordedDecision, RecordedRequest, RequestQuery } from '../spec/history.ts'
import { StateDatabase } from '../system/state-database.ts'
import { findDecisions } from './decision-search.ts'
import {
  insertEvent,
  JOURNAL_MIGRATIONS,
  JOURNAL_TABLES,
  type JournalTable,
  type KeptEvent,
  toRequest,
} from './journal-rows.ts'

/** The longest time that something noted is not written yet. */
const FLUSH_DELAY_MS = 250
/** As many rows are written at once, however soon they came. */
const MAX_WAITING_ROWS = 100
/** Rows deleted in one go; more are due in the next one. */
const MAX_DELETED_ROWS = 500
/** Event ids set aside at a time; see {@link JournalStore.lastEventId}. */
const RESERVED_IDS = 1_000
/** How often an idle journal looks for rows that have become too old. */
const AGE_LOOK_INTERVAL_MS = 3_600_000
/** Rows that one query returns at most. */
const MAX_QUERY_ROWS = 10_000

export interface JournalLimits {
  /** Decisions kept, and requests kept; the oldest goes first. 0 = none, `Infinity` = no cap. */
  readonly maxRows: number
  /** Older ones go, `Infinity` = however old. */
  readonly maxAgeMs: number
}

export interface JournalStoreOptions {
  readonly limits: JournalLimits
  readonly clock: Clock
  /** Told once when rows cannot be written, and again only after some could be. */
  readonly onFault: (error: unknown) => void
}

export interface JournalFileOptions extends JournalStoreOptions {
  readonly path: string
  /** Told when the file was unreadable and had to be set aside. */
  readonly onSetAside: (path: string, asidePath: string) => void
}

const TABLES = Object.keys(JOURNAL_TABLES) as JournalTable[]

/**
 * Decisions and ends of requests, on disk, across restarts. They hold numbers and names, nothing of what was asked or
 * answered.
 *
 * Rows are written together, at most 250 ms after they were noted: a `kill -9` costs what was noted since, and nothing
 * that was written. Writing never throws into the publisher: what could not be written (a full disk) is counted in
 * {@link lostRows}.
 */
export class JournalStore implements History, Disposable {
  readonly #database: StateDatabase
  readonly #clock: Clock
  readonly #onFault: (error: unknown) => void
  #limits: JournalLimits
  /** Counted once, then kept up: counting a large table takes longer than writing to it. */
  readonly #rows: Record<JournalTable, number> = { decision: 0, request: 0 }
  #waiting: KeptEvent[] = []
  #timer: Timer | undefined
  #lastSeenId = 0
  #reservedId = 0
  #lostRows = 0
  #isFailing = false
  #isClosed = false
  #nextAgeLookAtMs: number

  /** Over a database with {@link JOURNAL_MIGRATIONS}; closes it at the end. */
  constructor(database: StateDatabase, { limits, clock, onFault }: JournalStoreOptions) {
    this.#database = database
    this.#limits = limits
    this.#clock = clock
    this.#onFault = onFault
    this.#nextAgeLookAtMs = clock.nowMs()
    for (const table of TABLES) this.#count(table)
  }

  /** Throws what {@link StateDatabase.open} throws. */
  static async open({ path, onSetAside, ...options }: JournalFileOptions): Promise<JournalStore> {
    const { onFault } = options
    const database = await StateDatabase.open({ path, migrations: JOURNAL_MIGRATIONS, onSetAside, onFault })
    return new JournalStore(database, options)
  }

  /** Rows that could not be written since this was opened. */
  get lostRows(): number {
    return this.#lostRows
  }

  /** Takes every event; keeps decisions and ends of requests. Never throws; after {@link close} it does nothing. */
  note(event: GrymEvent): void {
    if (this.#isClosed) return
    this.#lastSeenId = Math.max(this.#lastSeenId, event.id)
    if (event.type === 'decided' || event.type === 'requestFinished') this.#waiting.push(event)
    // A disk that is full would otherwise be tried at every event.
    if (event.id > this.#reservedId && !this.#isFailing) this.#reserveIds()
    if (this.#waiting.length >= MAX_WAITING_ROWS) this.flush()
    else if (this.#waiting.length > 0 || this.#clock.nowMs() >= this.#nextAgeLookAtMs) this.#flushSoon()
  }

  /** Writes what waits, and deletes what is beyond the limits. */
  flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    const batch = this.#waiting
    this.#waiting = []
    if (batch.length > 0) this.#insert(batch)
    this.#prune()
  }

  /**
   * No event of an earlier run has a larger id: number on from here. Ids are set aside 1,000 at a time, because most
   * events are not kept here: after a `kill -9` some are left out, but none is given twice. A clean end leaves none out.
   */
  lastEventId(): number {
    const sql =
      'SELECT MAX((SELECT last_event_id FROM numbering), (SELECT IFNULL(MAX(event_id), 0) FROM decision), ' +
      '(SELECT IFNULL(MAX(event_id), 0) FROM request)) AS id'
    return Math.max(this.#lastSeenId, Number(this.#database.statement(sql).get()?.['id']))
  }

  /** Takes effect within 250 ms, many rows in several steps. */
  setLimits(limits: JournalLimits): void {
    this.#limits = limits
    this.#flushSoon()
  }

  async decisions(query: DecisionQuery): Promise<readonly RecordedDecision[]> {
    this.#writeWaiting()
    const { eventId, limit } = query
    // What was never told has nothing before it.
    if (eventId !== undefined && eventId > (this.#lastSeenId || this.lastEventId())) return []
    return findDecisions(this.#database, { ...query, limit: rowCount(limit) })
  }

  async requests({ afterEventId = 0, limit }: RequestQuery): Promise<readonly RecordedRequest[]> {
    this.#writeWaiting()
    const sql = 'SELECT * FROM request WHERE event_id > ? ORDER BY event_id LIMIT ?'
    return this.#database.statement(sql).all(afterEventId, rowCount(limit)).map(toRequest)
  }

  /** Writes what waits, and gives back the ids that were set aside and not needed. */
  close(): void {
    if (this.#isClosed) return
    if (this.#waiting.length > 0) this.flush()
    this.#giveIdsBack()
    this.#isClosed = true
    this.#timer?.cancel()
    this.#database.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** A reader sees what was noted; one that only reads deletes nothing. */
  #writeWaiting(): void {
    if (this.#waiting.length > 0) this.flush()
  }

  #flushSoon(): void {
    this.#timer ??= this.#clock.setTimer(FLUSH_DELAY_MS, () => this.flush())
  }

  #insert(batch: readonly KeptEvent[]): void {
    const added = { decision: 0, request: 0 }
    const isWritten = this.#write(() => {
      for (const event of batch) {
        if (insertEvent(this.#database, event)) added[event.type === 'decided' ? 'decision' : 'request'] += 1
      }
    })
    if (isWritten) for (const table of TABLES) this.#rows[table] += added[table]
    this.#lostRows += batch.length - (isWritten ? added.decision + added.request : 0)
  }

  /** Deletes the oldest rows beyond the cap and those that are too old; what is left over comes next time. */
  #prune(): void {
    const nowMs = this.#clock.nowMs()
    this.#nextAgeLookAtMs = nowMs + AGE_LOOK_INTERVAL_MS
    for (const table of TABLES) {
      const excess = Math.max(0, this.#rows[table] - this.#limits.maxRows)
      this.#attempt(() => {
        const deleted = this.#deleteExcess(table, excess) + this.#deleteOld(table, nowMs - this.#limits.maxAgeMs)
        if (deleted >= MAX_DELETED_ROWS) this.#flushSoon()
      })
    }
  }

  #deleteExcess(table: JournalTable, excess: number): number {
    if (excess === 0) return 0
    const wanted = Math.min(excess, MAX_DELETED_ROWS)
    const oldest = `SELECT event_id FROM ${table} ORDER BY event_id LIMIT ?`
    const deleted = this.#delete(`DELETE FROM ${table} WHERE event_id IN (${oldest})`, wanted)
    // Another process may have deleted as well.
    if (deleted < wanted) this.#count(table)
    else this.#rows[table] -= deleted
    return deleted
  }

  /** Looks at the very oldest row first: mostly that one is young enough, and so are all. */
  #deleteOld(table: JournalTable, keptFromMs: number): number {
    const column = JOURNAL_TABLES[table]
    const first = this.#database.statement(`SELECT ${column} AS at_ms FROM ${table} ORDER BY event_id LIMIT 1`).get()
    if (!first || Number(first['at_ms']) >= keptFromMs) return 0
    const oldest = `SELECT event_id, ${column} AS at_ms FROM ${table} ORDER BY event_id LIMIT ${MAX_DELETED_ROWS}`
    const sql = `DELETE FROM ${table} WHERE event_id IN (SELECT event_id FROM (${oldest}) WHERE at_ms < ?)`
    const deleted = this.#delete(sql, keptFromMs)
    this.#rows[table] -= deleted
    return deleted
  }

  #delete(sql: string, value: number): number {
    return this.#database.transaction(() => Number(this.#database.statement(sql).run(value).changes))
  }

  #count(table: JournalTable): void {
    this.#rows[table] = Number(this.#database.statement(`SELECT COUNT(*) AS n FROM ${table}`).get()?.['n'])
  }

  #reserveIds(): void {
    const reservedId = this.#lastSeenId + RESERVED_IDS
    const sql = 'UPDATE numbering SET last_event_id = MAX(last_event_id, ?)'
    if (this.#write(() => this.#database.statement(sql).run(reservedId))) this.#reservedId = reservedId
  }

  /** Unless someone else has set ids aside beyond them. */
  #giveIdsBack(): void {
    if (this.#reservedId === 0) return
    const sql = 'UPDATE numbering SET last_event_id = ? WHERE last_event_id = ?'
    this.#write(() => this.#database.statement(sql).run(this.#lastSeenId, this.#reservedId))
  }

  /** All of it or nothing; false when it could not be written. */
  #write(work: () => void): boolean {
    const isWritten = this.#attempt(() => this.#database.transaction(work))
    if (isWritten) this.#isFailing = false
    return isWritten
  }

  #attempt(work: () => void): boolean {
    try {
      work()
      return true
    } catch (error) {
      if (!this.#isFailing) this.#onFault(error)
      this.#isFailing = true
      return false
    }
  }
}

/** A limit as SQLite takes it. */
function rowCount(limit: number): number {
  return Math.min(Math.max(0, Math.trunc(limit)), MAX_QUERY_ROWS)
}
