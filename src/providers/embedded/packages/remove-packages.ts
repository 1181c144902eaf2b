import { mkdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { codeOf } from '../../../spec/error-code.ts'
import { resourceError } from '../../../spec/errors.ts'
import { isAbsence } from '../../../system/optional-file.ts'
import { deletePackage, folderBytes, leftoverFolders, packageFolder, partOf, stagingFolder } from './engine-folder.ts'
import { whileLocked } from './install-lock.ts'
import type { EnginePackage } from './package-table.ts'

/**
 * Deletes packages from the state folder, in every version, with what is left of their downloads. Returns how many
 * bytes were deleted; 0 when nothing of them was there. Engines that run go on where the system lets them.
 * Rejects with `state-unusable` where it does not, and `engine-install-running`.
 */
export async function removePackages(packages: readonly EnginePackage[], enginesFolder: string): Promise<number> {
  return whileLocked(enginesFolder, async () => {
    const staging = stagingFolder(enginesFolder)
    let freedBytes = 0
    // The one that the engine asks for goes first: without it the others are never looked at.
    for (const unwanted of packages.toReversed()) {
      const { name } = unwanted
      const folders = [packageFolder(enginesFolder, name), ...(await leftoverFolders(enginesFolder, name))]
      for (const folder of folders) {
        freedBytes += await folderBytes(folder)
        await moveAside(folder, staging)
        await deletePackage(enginesFolder, folder)
      }
      const part = await partOf(unwanted, enginesFolder)
      freedBytes += part.sizeBytes
      await deletePackage(enginesFolder, part.path)
    }
    await deletePackage(enginesFolder, staging)
    return freedBytes
  })
}

/** In one step, so that an interrupted removal leaves no package of which a part is gone. */
async function moveAside(folder: string, staging: string): Promise<void> {
  await rm(staging, { recursive: true, force: true })
  await mkdir(staging, { recursive: true, mode: 0o700 })
  try {
    await rename(folder, join(staging, basename(folder)))
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT') return
    if (!isAbsence(error) && code !== 'EBUSY') throw error
    const message = `${folder} cannot be deleted (${String(code)}). Stop the daemon, whose engines may use it, and try again.`
    throw resourceError('state-unusable', message, { cause: error })
  }
}
