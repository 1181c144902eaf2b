import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { resourceError } from '../spec/errors.ts'
import { readDaemonFile } from './daemon-file.ts'
import { holdExclusively, isHeldElsewhere } from './exclusive-lock.ts'
import { openDatabase } from './sqlite.ts'

export interface InstanceLock {
  release(): void
}

/**
 * One daemon per state folder, see {@link holdExclusively}.
 * Throws `instance-running` when another process holds it, `lock-failed` when it is damaged.
 */
export async function takeInstanceLock(home: string): Promise<InstanceLock> {
  const path = join(home, 'state', 'instance.lock')
  const database = await openDatabase(path)
  try {
    holdExclusively(database)
    await chmod(path, 0o600)
  } catch (error) {
    database.close()
    const why = error instanceof Error ? error.message : String(error)
    if (/readonly|read-only/i.test(why)) {
      const message = `${home} cannot be written to (${why}). Set GRYM_HOME to a folder of yours.`
      throw resourceError('state-unusable', message, { cause: error })
    }
    if (!isHeldElsewhere(error)) {
      const message = `${path} cannot be locked: ${why}. When no grym daemon runs, delete it; else set another GRYM_HOME.`
      throw resourceError('lock-failed', message, { cause: error })
    }
    const running = await readDaemonFile(home)
    const which = running ? ` It listens on ${running.url} (pid ${running.pid}).` : ''
    const message = `Another grym daemon uses ${home}.${which} Use that one, stop it, or set another GRYM_HOME.`
    throw resourceError('instance-running', message, { details: { ...running }, cause: error })
  }
  return { release: () => database.close() }
}
