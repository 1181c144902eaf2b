import { readdir, rm, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isAbsence } from '../../../system/optional-file.ts'
import { readJsonFile } from '../../../system/json-file.ts'
import { partPathOf } from '../../../system/part-file.ts'
import { ENGINE_VERSION, type EnginePackage } from './package-table.ts'

/*
 * What lies where below `<GRYM_HOME>/engines`:
 *
 *   3.21.1/node_modules/@node-llama-cpp/linux-x64-cuda/   a package, whole: it was renamed into place
 *   3.21.1/staging/                                       what is being unpacked or removed
 *   downloads/                                            what has come of a download
 *   install.lock                                          held by the one who changes any of it
 */

/** The folder of one version of the engine; modules in it find its packages as those of any program do. */
export function versionFolder(enginesFolder: string, version: string = ENGINE_VERSION): string {
  return join(enginesFolder, version)
}

export function packageFolder(enginesFolder: string, name: string, version: string = ENGINE_VERSION): string {
  return join(versionFolder(enginesFolder, version), 'node_modules', name)
}

export function stagingFolder(enginesFolder: string): string {
  return join(versionFolder(enginesFolder), 'staging')
}

/** Where a package's tarball goes while it is fetched. */
export function tarballPath(enginesFolder: string, name: string): string {
  return join(enginesFolder, 'downloads', `${name.slice(name.indexOf('/') + 1)}-${ENGINE_VERSION}.tgz`)
}

/** What has come of a package's download so far: its path, and its size, 0 when nothing has. */
export async function partOf(
  { name, integrity, tarballBytes }: EnginePackage,
  enginesFolder: string,
): Promise<{ readonly path: string; readonly sizeBytes: number }> {
  const identity = { identity: integrity, lengthBytes: tarballBytes }
  const path = partPathOf(tarballPath(enginesFolder, name), identity)
  const found = await stat(path).catch(noneIfAbsent)
  return { path, sizeBytes: 'size' in found ? found.size : 0 }
}

/** Is this folder that package, of the version that the engine takes? */
export async function isPackage(folder: string, name: string): Promise<boolean> {
  const facts = (await readJsonFile(join(folder, 'package.json'))) as { name?: unknown; version?: unknown } | undefined
  return facts?.name === name && facts.version === ENGINE_VERSION
}

/** Folders of this package of other versions of the engine: this grym never uses them. */
export async function leftoverFolders(enginesFolder: string, name: string): Promise<string[]> {
  const found: string[] = []
  for (const version of await namesIn(enginesFolder)) {
    if (version === ENGINE_VERSION) continue
    const folder = packageFolder(enginesFolder, name, version)
    if ((await namesIn(folder)).length > 0) found.push(folder)
  }
  return found
}

/** Deletes a package's folder, and those around it that are empty then. */
export async function deletePackage(enginesFolder: string, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  for (let above = join(folder, '..'); above !== enginesFolder; above = join(above, '..')) {
    if ((await namesIn(above)).length > 0) return
    await rmdir(above).catch(noneIfAbsent)
  }
}

/** Bytes of all files in a folder; 0 when it is not there. */
export async function folderBytes(folder: string): Promise<number> {
  let sumBytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(noneIfAbsent)) {
    if (entry.isFile()) sumBytes += (await stat(join(entry.parentPath, entry.name))).size
  }
  return sumBytes
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(noneIfAbsent)
}

function noneIfAbsent(error: unknown): [] {
  if (isAbsence(error)) return []
  throw error
}
