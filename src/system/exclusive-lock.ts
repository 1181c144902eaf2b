import type { DatabaseSync } from 'node:sqlite'

/**
 * Holds an SQLite file by an exclusive transaction until it is closed: the kernel drops it with the process, however that ends,
 * so a killed one never blocks the next and no pid has to be guessed at. Throws SQLite's own error; {@link isHeldElsewhere} tells
 * whether it means another holder.
 */
export function holdExclusively(database: DatabaseSync): void {
  database.exec('PRAGMA journal_mode=MEMORY; PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE')
}

export function isHeldElsewhere(error: unknown): boolean {
  return /locked|busy/i.test(error instanceof Error ? error.message : String(error))
}
