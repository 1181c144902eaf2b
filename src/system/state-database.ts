import { chmodSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementResultingChanges } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { ResourceError, resourceError } from '../spec/errors.ts'
import { asDiskFull } from './atomic-file.ts'
import { openDatabase } from './sqlite.ts'

/** How often the log is tried to be emptied while somebody uses it, and how long after each time. */
const MOST_FORGET_ATTEMPTS = 100
const FORGET_AGAIN_MS = 50
/** A write-ahead log larger than this is moved into the database. */
const CHECKPOINT_BYTES = 4 * 1024 ** 2
/** One that is larger still is moved at once, by the caller's thread: under writes without pause nothing else shrinks it. */
const MAX_LOG_BYTES = 64 * 1024 ** 2
/** The log's size is looked at once in so many transactions. */
const TRANSACTIONS_PER_LOOK = 64
/** How long a statement waits for another process that writes (`grym conversations delete` beside the daemon). */
const BUSY_TIMEOUT_MS = 1_000

export interface StateDatabaseOptions {
  readonly path: string
  /** SQL that takes the schema from version n to n + 1, by n. Applied ones are never changed. */
  readonly migrations: readonly string[]
  /** Told when the file was unreadable and had to be set aside; absent = that is an error. */
  readonly onSetAside?: (path: string, asidePath: string) => void
  /** A fault that hurts no caller: a checkpoint failed. */
  readonly onFault?: (error: unknown) => void
}

/** A prepared statement; rows are objects by column. */
export interface Statement {
  get(...values: SQLInputValue[]): Record<string, SQLOutputValue> | undefined
  all(...values: SQLInputValue[]): Record<string, SQLOutputValue>[]
  run(...values: SQLInputValue[]): StatementResultingChanges
}

/**
 * A database of the state folder (SQLite, write-ahead log, mode 0600). What a transaction has written survives a
 * `kill -9` of this process from the moment {@link transaction} returns; a power cut may cost the last transactions,
 * never the file (`synchronous=NORMAL`, https://www.sqlite.org/pragma.html#pragma_synchronous).
 *
 * Statements run on the caller's thread: they take some 20 µs, and a thread of its own for them would hold 21 MB. What
 * may really block, the flush of a checkpoint, runs in a thread that lives only for it.
 */
export class StateDatabase implements Disposable {
  readonly path: string
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, Statement>()
  readonly #onFault: (error: unknown) => void
  #transactions = 0
  #isInTransaction = false
  /** Transactions that wait for their commit. */
  #group: PromiseWithResolvers<void> | undefined
  #checkpoint: Promise<void> | undefined

  private constructor(database: DatabaseSync, { path, onFault }: StateDatabaseOptions) {
    this.#database = database
    this.path = path
    this.#onFault = onFault ?? ((): void => {})
  }

  /**
   * Opens or makes it and brings its schema up to date. Throws `state-too-new` when a newer version of grym made it,
   * `disk-full`, or SQLite's own error.
   */
  static async open(options: StateDatabaseOptions): Promise<StateDatabase> {
    const mark = `${options.path}.damaged`
    try {
      if (statSync(mark, { throwIfNoEntry: false })) throw unusable(options.path, undefined)
      return await openUpToDate(options, (database) => new StateDatabase(database, options))
    } catch (error) {
      const isDamaged =
        error instanceof ResourceError && error.reason === 'state-unusable' && error.details?.['isDamaged']
      if (!isDamaged || !options.onSetAside) throw error
      rmSync(mark, { force: true })
      const asidePath = `${options.path}.unreadable-${Date.now()}`
      renameSync(options.path, asidePath)
      for (const suffix of ['-wal', '-shm']) renameIfThere(options.path + suffix, asidePath + suffix)
      options.onSetAside(options.path, asidePath)
      return openUpToDate(options, (database) => new StateDatabase(database, options))
    }
  }

  /** The statement of this text, prepared once. Throws `state-unusable` where the file turns out to be damaged. */
  statement(sql: string): Statement {
    const known = this.#statements.get(sql)
    if (known) return known
    const prepared = this.#known(() => this.#database.prepare(sql))
    const statement: Statement = {
      get: (...values) => this.#known(() => prepared.get(...values)),
      all: (...values) => this.#known(() => prepared.all(...values)),
      run: (...values) => this.#known(() => prepared.run(...values)),
    }
    this.#statements.set(sql, statement)
    return statement
  }

  /** All of `work` or nothing of it; may be nested, then the outer one counts. Throws `disk-full` when there is no room. */
  transaction<Result>(work: () => Result): Result {
    if (this.#isInTransaction) return work()
    this.#commitGroup()
    this.#isInTransaction = true
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      const result = work()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw asKnown(error, this.path)
    } finally {
      this.#isInTransaction = false
      this.#lookAtLog()
    }
  }

  /**
   * The same, committed together with the others of the same turn of the event loop: a commit is what costs most. `work` is
   * done when this returns, and on disk when it resolves; where it throws, nothing but itself is undone.
   */
  async grouped<Result>(work: () => Result): Promise<Result> {
    if (this.#isInTransaction) return work()
    const group = this.#group ?? this.#beginGroup()
    const result = this.#partOfGroup(work)
    await group.promise
    return result
  }

  /** Bytes of the file that hold something; what deleted rows leave behind does not count. */
  usedBytes(): number {
    const read = (pragma: string): number => Number(Object.values(this.statement(`PRAGMA ${pragma}`).get() ?? {})[0])
    return (read('page_count') - read('freelist_count')) * read('page_size')
  }

  /**
   * Empties the log, which still holds what was deleted. Deleted rows themselves are overwritten as they go
   * (`secure_delete`), but SQLite leaves copies of rows where it moved them to another page (measured: 3 of 14,019 were
   * still readable): what must be unreadable for certain needs a `VACUUM`. Blocks for the length of one flush; a checkpoint that
   * is running is waited for. Rejects where the log stays in use.
   */
  async forget(): Promise<void> {
    this.#commitGroup()
    for (let attempt = 1; !this.#emptyLog(); attempt++) {
      if (attempt === MOST_FORGET_ATTEMPTS) throw new Error(`${this.path}: its log is in use and could not be emptied`)
      await this.settled()
      await new Promise((resolve) => setTimeout(resolve, FORGET_AGAIN_MS))
    }
  }

  /** Resolves when no checkpoint is running. */
  async settled(): Promise<void> {
    await this.#checkpoint
  }

  close(): void {
    this.#commitGroup()
    if (this.#database.isOpen) this.#database.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #beginGroup(): PromiseWithResolvers<void> {
    try {
      this.#database.exec('BEGIN IMMEDIATE')
    } catch (error) {
      throw asKnown(error, this.path)
    }
    const group = Promise.withResolvers<void>()
    // Whoever waits for it gets the failure; one whose own work failed does not wait.
    group.promise.catch(() => undefined)
    this.#group = group
    setImmediate(() => this.#commitGroup())
    return group
  }

  #partOfGroup<Result>(work: () => Result): Result {
    this.#isInTransaction = true
    try {
      this.#database.exec('SAVEPOINT part')
      const result = work()
      this.#database.exec('RELEASE part')
      return result
    } catch (error) {
      // Of some failures (a full disk) SQLite itself undoes the whole transaction.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK TO part; RELEASE part')
      throw asKnown(error, this.path)
    } finally {
      this.#isInTransaction = false
    }
  }

  /** Ends the group that is open, if one is. */
  #commitGroup(): void {
    const group = this.#group
    if (!group) return
    this.#group = undefined
    try {
      this.#database.exec('COMMIT')
      group.resolve()
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      group.reject(asKnown(error, this.path))
    }
    this.#lookAtLog()
  }

  /** False while somebody else uses the log: SQLite says so in a row and throws nothing. */
  #emptyLog(): boolean {
    return this.#database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'] === 0
  }

  /** A reader elsewhere can hold a part of the log; the next look tries again. */
  #shrinkLog(): void {
    try {
      this.#emptyLog()
    } catch (error) {
      this.#onFault(error)
    }
  }

  /** A file that turns out to be damaged is marked, so that the next start sets it aside. */
  #known<Result>(work: () => Result): Result {
    try {
      return work()
    } catch (error) {
      if (!isUnreadable(error)) throw error
      writeFileSync(`${this.path}.damaged`, '', { mode: 0o600 })
      throw unusable(this.path, error)
    }
  }

  #lookAtLog(): void {
    if (++this.#transactions % TRANSACTIONS_PER_LOOK !== 0) return
    const log = statSync(`${this.path}-wal`, { throwIfNoEntry: false })
    if (!log || log.size < CHECKPOINT_BYTES) return
    if (log.size > MAX_LOG_BYTES) return this.#shrinkLog()
    if (this.#checkpoint) return
    this.#checkpoint = runCheckpoint(this.path)
      .catch(this.#onFault)
      .finally(() => (this.#checkpoint = undefined))
  }
}

async function openUpToDate(
  { path, migrations }: StateDatabaseOptions,
  wrap: (database: DatabaseSync) => StateDatabase,
): Promise<StateDatabase> {
  let database: DatabaseSync
  try {
    database = await openDatabase(path)
  } catch (error) {
    throw asKnown(error, path)
  }
  try {
    // Its log and shared memory get the permissions of the file.
    chmodSync(path, 0o600)
    database.exec(
      `PRAGMA busy_timeout=${BUSY_TIMEOUT_MS}; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; ` +
        'PRAGMA wal_autocheckpoint=0; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON; PRAGMA trusted_schema=OFF; ' +
        `PRAGMA journal_size_limit=${CHECKPOINT_BYTES}`,
    )
    migrate(database, path, migrations)
    if (statSync(path).size <= CHECKED_BYTES) refuseDamaged(database, path)
    return wrap(database)
  } catch (error) {
    database.close()
    throw asKnown(error, path)
  }
}

/** One transaction for all steps: a process that is killed between two of them leaves the old schema. */
function migrate(database: DatabaseSync, path: string, migrations: readonly string[]): void {
  database.exec('BEGIN IMMEDIATE')
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
  if (version > migrations.length) {
    throw resourceError(
      'state-too-new',
      `${path} was written by a newer version of grym (schema ${version}, this version knows ${migrations.length}). ` +
        'Use that version, or set another GRYM_HOME.',
      { details: { path, version, known: migrations.length } },
    )
  }
  for (const sql of migrations.slice(version)) database.exec(sql)
  database.exec(`PRAGMA user_version=${migrations.length}; COMMIT`)
}

function runCheckpoint(path: string): Promise<void> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const entry = fileURLToPath(new URL(`checkpoint-thread.${extension}`, import.meta.url))
  const thread = new Worker(entry, { workerData: path, execArgv: [] })
  thread.unref()
  return new Promise((resolve, reject) => {
    thread.once('error', reject)
    thread.once('exit', () => resolve())
  })
}

/** SQLite's result codes 11 (corrupt) and 26 (not a database): https://www.sqlite.org/rescode.html */
function isUnreadable(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === 11 || code === 26
}

/** In a small file damage is looked for at the start; in a large one that would take seconds, and it shows itself. */
const CHECKED_BYTES = 16 * 1024 ** 2

function refuseDamaged(database: DatabaseSync, path: string): void {
  const found = Object.values(database.prepare('PRAGMA quick_check(1)').get() ?? {})[0]
  if (found !== 'ok') throw unusable(path, new Error(String(found)))
}

function unusable(path: string, error: unknown): ResourceError {
  const why = error instanceof Error ? ` (${error.message})` : ''
  const message = `${path} is damaged${why}. At the next start of the daemon it is set aside and a new one is begun.`
  return resourceError('state-unusable', message, { details: { path, isDamaged: true }, cause: error })
}

/** SQLite's result codes 11 and 26 (damaged), 13 (no room), 8 (read-only), 14 (cannot be opened), in words. */
function asKnown(error: unknown, path: string): unknown {
  if (error instanceof ResourceError) return error
  const code = sqliteCode(error)
  if (code === 13) {
    return asDiskFull(Object.assign(new Error(`${basename(path)}: no room`), { code: 'ENOSPC' }), dirname(path))
  }
  if (isUnreadable(error)) return unusable(path, error)
  const isClosed = code === 8 || code === 14 || isSystemError(error)
  if (!isClosed) return error
  const why = error instanceof Error ? error.message : String(error)
  const message = `${path} cannot be used (${why}). Look at its permissions and its disk, or set another GRYM_HOME.`
  return resourceError('state-unusable', message, { details: { path }, cause: error })
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}

/** The primary result code, of an extended one too. */
function sqliteCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined
}

function renameIfThere(from: string, to: string): void {
  if (statSync(from, { throwIfNoEntry: false })) renameSync(from, to)
}
