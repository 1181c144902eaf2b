import type { DatabaseSync } from 'node:sqlite'

/**
 * Opens a database with Node's own SQLite. Some Node versions print an ExperimentalWarning when the module is first
 * loaded; people at a terminal cannot act on it, so that one warning is kept from them.
 */
export async function openDatabase(path: string): Promise<DatabaseSync> {
  const print = process.emitWarning.bind(process)
  process.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    if (String(warning).includes('SQLite is an experimental feature')) return
    Reflect.apply(print, undefined, [warning, ...rest])
  }
  try {
    const { DatabaseSync } = await import('node:sqlite')
    return new DatabaseSync(path)
  } finally {
    process.emitWarning = print
  }
}
