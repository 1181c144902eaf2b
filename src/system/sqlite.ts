import type { DatabaseSync } from 'node:sqlite'

type Sqlite = typeof import('node:sqlite')

/** Loaded once: two at a time would put `process.emitWarning` back in the wrong order. */
let sqlite: Promise<Sqlite> | undefined

/**
 * Opens a database with Node's own SQLite. Some Node versions print an ExperimentalWarning when the module is first
 * loaded; people at a terminal cannot act on it, so that one warning is kept from them.
 */
export async function openDatabase(path: string): Promise<DatabaseSync> {
  sqlite ??= loadSqlite()
  const { DatabaseSync } = await sqlite
  return new DatabaseSync(path)
}

async function loadSqlite(): Promise<Sqlite> {
  const print = process.emitWarning.bind(process)
  process.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    if (String(warning).includes('SQLite is an experimental feature')) return
    Reflect.apply(print, undefined, [warning, ...rest])
  }
  try {
    return await import('node:sqlite')
  } finally {
    process.emitWarning = print
  }
}
