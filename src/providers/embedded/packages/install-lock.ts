import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { resourceError } from '../../../spec/errors.ts'
import { asDiskFull } from '../../../system/atomic-file.ts'
import { openDatabase } from '../../../system/sqlite.ts'

/**
 * Runs what changes the engines of a folder while nobody else does, and makes the folder where it is missing. The
 * kernel gives the lock back with its process, however that ends, like that of a state folder.
 * Rejects with `engine-install-running`, or `state-unusable` when the folder cannot be written to.
 */
export async function whileLocked<Result>(enginesFolder: string, act: () => Promise<Result>): Promise<Result> {
  const lock = await take(enginesFolder)
  try {
    return await act()
  } finally {
    lock.close()
  }
}

async function take(enginesFolder: string): Promise<DatabaseSync> {
  let lock: DatabaseSync | undefined
  try {
    await mkdir(enginesFolder, { recursive: true, mode: 0o700 })
    const path = join(enginesFolder, 'install.lock')
    lock = await openDatabase(path)
    lock.exec('PRAGMA journal_mode=MEMORY; PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE')
    await chmod(path, 0o600)
    return lock
  } catch (error) {
    lock?.close()
    const full = asDiskFull(error, enginesFolder)
    if (full !== error) throw full
    const why = error instanceof Error ? error.message : String(error)
    if (/locked|busy/i.test(why)) {
      const message = 'Another `grym engine` command is at work here. Wait until it is done, then try again.'
      throw resourceError('engine-install-running', message, { cause: error })
    }
    const message = `${enginesFolder} cannot be written to (${why}). Set GRYM_HOME to a folder of yours.`
    throw resourceError('state-unusable', message, { cause: error })
  }
}
