import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from '../spec/error-code.ts'
import { ResourceError, resourceError } from '../spec/errors.ts'

export interface AtomicWriteOptions {
  /** Permissions of the file. Default 0600. */
  readonly mode?: number
}

/**
 * Writes a file so that it is either the old or the new one, whole, whatever is cut off when: written beside its place,
 * flushed, then renamed, which replaces in one step. Leaves nothing behind when it fails.
 * Throws `disk-full` when there is no room.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: AtomicWriteOptions = {},
): Promise<void> {
  const folder = dirname(path)
  const temporary = join(folder, `.${randomBytes(6).toString('hex')}.tmp`)
  try {
    // A folder takes room too.
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw asDiskFull(error, folder)
  }
  try {
    const file = await open(temporary, 'wx', options.mode ?? 0o600)
    try {
      await file.writeFile(data)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw asDiskFull(error, folder)
  }
}

/** Writes what can be made anew: without room for it, it is, and nobody's request fails for that. */
export async function writeCacheFile(path: string, text: string): Promise<void> {
  try {
    await writeFileAtomic(path, text)
  } catch (error) {
    if (!(error instanceof ResourceError && error.reason === 'disk-full')) throw error
  }
}

/** `disk-full` for an error that means it, else the error itself. */
export function asDiskFull(error: unknown, folder: string): unknown {
  const code = codeOf(error)
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error
  const message = `No room is left on the disk of ${folder}. Free space, or set GRYM_HOME or GRYM_MODELS to another disk.`
  return resourceError('disk-full', message, { cause: error })
}
