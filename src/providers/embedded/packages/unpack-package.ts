import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { extract, type ReadEntry } from 'tar'
import { ResourceError, resourceError } from '../../../spec/errors.ts'
import { asDiskFull } from '../../../system/atomic-file.ts'

/**
 * Unpacks the tarball of an npm package into an empty folder, without the one folder that is around everything in it,
 * and brings it onto the disk. Plain files and folders are taken, nothing that would lie elsewhere, and no more bytes
 * than `maxBytes`. Rejects with `download-corrupt` or `disk-full`; what is in the folder by then is worthless.
 */
export async function unpackPackage(tarball: string, folder: string, maxBytes: number): Promise<void> {
  let refused: string | undefined
  let unpackedBytes = 0
  const take = (path: string, entry: ReadEntry): boolean => {
    unpackedBytes += entry.size
    if (unpackedBytes > maxBytes) refused ??= 'it is larger than it should be'
    if (!TAKEN_TYPES.has(entry.type)) refused ??= `'${path}' is neither a file nor a folder`
    if (leadsOut(path)) refused ??= `'${path}' leads out of it`
    return refused === undefined
  }
  try {
    await extract({
      file: tarball,
      cwd: folder,
      strip: 1,
      strict: true,
      preserveOwner: false,
      filter: (path, entry) => take(path, entry as ReadEntry),
    })
    if (refused !== undefined) throw resourceError('download-corrupt', `The package cannot be used: ${refused}.`)
    await flushFiles(folder)
  } catch (error) {
    const full = asDiskFull(error, folder)
    if (full !== error || error instanceof ResourceError) throw full
    const why = refused ?? (error instanceof Error ? error.message : String(error))
    throw resourceError('download-corrupt', `The package cannot be used: ${why}.`, { cause: error })
  }
}

const TAKEN_TYPES: ReadonlySet<string> = new Set(['File', 'OldFile', 'Directory'])

function leadsOut(path: string): boolean {
  return /^(?:[\\/]|[a-z]:)|\\/i.test(path) || path.split('/').includes('..')
}

/** A package counts from the moment it is renamed into place; by then its bytes must not be in memory alone. */
async function flushFiles(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = await open(join(entry.parentPath, entry.name), 'r+')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  }
}
