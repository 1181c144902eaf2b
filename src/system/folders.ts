import { mkdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from '../spec/error-code.ts'
import { ResourceError, resourceError } from '../spec/errors.ts'
import { asDiskFull } from './atomic-file.ts'

/** Folders inside the state folder, by what they hold. */
export interface StateFolders {
  readonly home: string
  readonly models: string
  readonly state: string
  readonly cache: string
  readonly logs: string
}

/** Makes the state folder and what belongs in it, readable by its owner only. */
export async function prepareFolders(home: string): Promise<StateFolders> {
  const folders = {
    home,
    models: join(home, 'models'),
    state: join(home, 'state'),
    cache: join(home, 'cache'),
    logs: join(home, 'logs'),
  }
  try {
    for (const folder of Object.values(folders)) await makeFolder(folder)
  } catch (error) {
    if (error instanceof ResourceError) throw error
    const why = error instanceof Error ? error.message : String(error)
    const message = `The state folder ${home} cannot be made (${why}). Set GRYM_HOME to a folder of yours.`
    throw resourceError('state-unusable', message, { cause: error })
  }
  return folders
}

/**
 * Makes a folder and those above it. Node's own `recursive` never ends where a folder that is there takes no new ones
 * and says that it is not there (`/proc`).
 */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return
    const above = dirname(path)
    const isAboveMissing = code === 'ENOENT' && above !== path && !(await isFolder(above))
    if (!isAboveMissing) throw asDiskFull(error, above)
    await makeFolder(above)
    await makeFolder(path)
  }
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() ?? false
}
