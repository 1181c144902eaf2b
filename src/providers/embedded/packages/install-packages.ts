import { mkdir, rename, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { resourceError } from '../../../spec/errors.ts'
import { formatBytes } from '../../../spec/units.ts'
import { asDiskFull } from '../../../system/atomic-file.ts'
import { fileIntegrity } from '../../../system/file-digest.ts'
import type { HttpSource } from '../../../system/http-source.ts'
import { fetchPart, type PartProgress } from '../../../system/part-file.ts'
import {
  deletePackage,
  isPackage,
  leftoverFolders,
  packageFolder,
  partOf,
  stagingFolder,
  tarballPath,
} from './engine-folder.ts'
import { whileLocked } from './install-lock.ts'
import type { NpmRegistry } from './npm-config.ts'
import { findTarball } from './npm-source.ts'
import { ENGINE_VERSION, type EnginePackage } from './package-table.ts'
import { unpackPackage } from './unpack-package.ts'

export interface InstallProgress extends PartProgress {
  readonly packageName: string
  readonly step: 'downloading' | 'checking' | 'unpacking'
}

export interface InstallOptions {
  /** `<GRYM_HOME>/engines`. */
  readonly enginesFolder: string
  readonly registry: NpmRegistry
  readonly http: HttpSource
  readonly onProgress: (progress: InstallProgress) => void
  readonly signal: AbortSignal
  /** Room on the disk of a folder, bytes. Default: what the system says. */
  readonly freeBytes?: (folder: string) => Promise<number>
}

/**
 * Brings packages of the engine into the state folder; returns those that were not there yet. Interrupted downloads go
 * on where they stopped. Nothing is unpacked before its digest is the pinned one, and nothing counts before it is whole.
 * Rejects with `disk-full` (before anything is fetched, where that can be foreseen), `download-failed`,
 * `download-corrupt`, `engine-install-running` or `state-unusable`.
 */
export async function installPackages(
  packages: readonly EnginePackage[],
  options: InstallOptions,
): Promise<readonly EnginePackage[]> {
  const { enginesFolder } = options
  return whileLocked(enginesFolder, async () => {
    await rm(stagingFolder(enginesFolder), { recursive: true, force: true })
    const missing: EnginePackage[] = []
    for (const wanted of packages) {
      if (!(await isPackage(packageFolder(enginesFolder, wanted.name), wanted.name))) missing.push(wanted)
    }
    await checkRoom(missing, options)
    for (const wanted of missing) await install(wanted, options)
    for (const { name } of packages) {
      for (const folder of await leftoverFolders(enginesFolder, name)) await deletePackage(enginesFolder, folder)
    }
    return missing
  })
}

/** The fullest moment: what is unpacked by then, and the tarball of the last one. */
async function checkRoom(
  packages: readonly EnginePackage[],
  { enginesFolder, freeBytes = freeBytesOf }: InstallOptions,
): Promise<void> {
  let neededBytes = 0
  let unpackedBytes = 0
  for (const wanted of packages) {
    unpackedBytes += wanted.unpackedBytes
    neededBytes = Math.max(
      neededBytes,
      unpackedBytes + wanted.tarballBytes - (await partOf(wanted, enginesFolder)).sizeBytes,
    )
  }
  const roomBytes = await freeBytes(enginesFolder)
  if (neededBytes <= roomBytes) return
  const message = `The installation needs ${formatBytes(neededBytes)}, and the disk of ${enginesFolder} has ${formatBytes(roomBytes)} left. Free space, or set GRYM_HOME to another disk.`
  throw resourceError('disk-full', message, { details: { neededBytes, freeBytes: roomBytes } })
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

async function install(wanted: EnginePackage, options: InstallOptions): Promise<void> {
  const { enginesFolder, registry, http, signal } = options
  const { name, tarballBytes } = wanted
  const report =
    (step: InstallProgress['step']) =>
    (progress: PartProgress): void =>
      options.onProgress({ ...progress, packageName: name, step })
  const whole = { receivedBytes: tarballBytes, totalBytes: tarballBytes }
  const remote = await findTarball(http, registry, wanted, ENGINE_VERSION, signal)
  const part = await fetchPart(http, remote, tarballPath(enginesFolder, name), report('downloading'), signal)
  report('checking')(whole)
  if ((await fileIntegrity(part, signal)) !== wanted.integrity) {
    await rm(part, { force: true })
    const message = `What ${new URL(remote.url).host} sent is not ${name} ${ENGINE_VERSION}: its digest differs. Nothing of it was unpacked, and it was deleted. Try again; if it stays so, check npm's setting \`registry\`.`
    throw resourceError('download-corrupt', message)
  }
  signal.throwIfAborted()
  report('unpacking')(whole)
  await place(part, wanted, enginesFolder)
  await deletePackage(enginesFolder, part)
}

async function place(tarball: string, { name, unpackedBytes }: EnginePackage, enginesFolder: string): Promise<void> {
  const staging = stagingFolder(enginesFolder)
  const unpacked = join(staging, 'package')
  const target = packageFolder(enginesFolder, name)
  try {
    await mkdir(unpacked, { recursive: true, mode: 0o700 })
    await unpackPackage(tarball, unpacked, unpackedBytes)
    if (!(await isPackage(unpacked, name))) {
      throw resourceError('download-corrupt', `The package does not say that it is ${name} ${ENGINE_VERSION}.`)
    }
    await mkdir(dirname(target), { recursive: true, mode: 0o700 })
    await rm(target, { recursive: true, force: true })
    await rename(unpacked, target)
  } catch (error) {
    throw asDiskFull(error, enginesFolder)
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}
