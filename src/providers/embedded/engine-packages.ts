import { findPackageJSON } from 'node:module'
import { dirname } from 'node:path'
import { codeOf } from '../../spec/error-code.ts'
import type { EngineBackend, EngineListing, ExtraBackend } from '../../spec/engine-packages.ts'
import { folderBytes, isPackage, leftoverFolders, packageFolder } from './packages/engine-folder.ts'
import {
  bundledPackage,
  ENGINE_VERSION,
  type EngineMachine,
  type EnginePackage,
  extraPackages,
} from './packages/package-table.ts'

export interface EngineSearch {
  /** Default: this machine. */
  readonly machine?: EngineMachine
  /** The folder of a package that npm installed. Default: as Node finds it from here. */
  readonly npmFolder?: (name: string) => string | undefined
}

/**
 * The backends whose packages are whole and of the right version on this machine, the CPU first. Whether there is a
 * card and a driver for one is another question.
 * @param enginesFolder `<GRYM_HOME>/engines`
 */
export async function installedBackends(
  enginesFolder: string,
  search: EngineSearch = {},
): Promise<readonly EngineBackend[]> {
  const { machine = process, npmFolder = npmFolderOf } = search
  const bundled = bundledPackage(machine)
  const found: EngineBackend[] = []
  if (bundled && (await folderFromNpm(bundled.name, npmFolder)) !== undefined) found.push(...bundled.backends)
  for (const [backend, packages] of extraPackages(machine)) {
    if ((await whereIs(packages, enginesFolder, npmFolder)) !== undefined) found.push(backend)
  }
  return found
}

/** Every backend that there is for this machine, and what there is of it. */
export async function listEngines(enginesFolder: string, search: EngineSearch = {}): Promise<readonly EngineListing[]> {
  const { machine = process, npmFolder = npmFolderOf } = search
  const listings: EngineListing[] = []
  const bundled = bundledPackage(machine)
  if (bundled) {
    const folder = await folderFromNpm(bundled.name, npmFolder)
    const sizeBytes = folder === undefined ? 0 : await folderBytes(folder)
    for (const backend of bundled.backends) {
      listings.push({
        backend,
        state: folder === undefined ? 'missing' : 'bundled',
        packages: [bundled.name],
        version: ENGINE_VERSION,
        sizeBytes,
        downloadBytes: 0,
        leftoverBytes: 0,
      })
    }
  }
  for (const [backend, packages] of extraPackages(machine)) {
    listings.push(await listExtra(backend, packages, enginesFolder, npmFolder))
  }
  return listings
}

async function listExtra(
  backend: ExtraBackend,
  packages: readonly EnginePackage[],
  enginesFolder: string,
  npmFolder: (name: string) => string | undefined,
): Promise<EngineListing> {
  const place = await whereIs(packages, enginesFolder, npmFolder)
  let leftoverBytes = 0
  for (const { name } of packages) {
    for (const folder of await leftoverFolders(enginesFolder, name)) leftoverBytes += await folderBytes(folder)
  }
  const whole = { backend, packages: packages.map(({ name }) => name), version: ENGINE_VERSION, leftoverBytes }
  if (place) {
    let sizeBytes = 0
    for (const folder of place.folders) sizeBytes += await folderBytes(folder)
    return { ...whole, state: place.state, sizeBytes, downloadBytes: 0 }
  }
  const sum = (size: (one: EnginePackage) => number): number => packages.reduce((bytes, one) => bytes + size(one), 0)
  return {
    ...whole,
    state: 'available',
    sizeBytes: sum(({ unpackedBytes }) => unpackedBytes),
    downloadBytes: sum(({ tarballBytes }) => tarballBytes),
  }
}

interface Place {
  readonly state: 'installed' | 'npm'
  readonly folders: readonly string[]
}

/** Where all packages of a backend are; `undefined` when one of them is in neither place. */
async function whereIs(
  packages: readonly EnginePackage[],
  enginesFolder: string,
  npmFolder: (name: string) => string | undefined,
): Promise<Place | undefined> {
  const folders: string[] = []
  let state: Place['state'] = 'npm'
  for (const { name } of packages) {
    const own = packageFolder(enginesFolder, name)
    const isOwn = await isPackage(own, name)
    const folder = isOwn ? own : await folderFromNpm(name, npmFolder)
    if (folder === undefined) return undefined
    if (isOwn) state = 'installed'
    folders.push(folder)
  }
  return { state, folders }
}

async function folderFromNpm(
  name: string,
  npmFolder: (name: string) => string | undefined,
): Promise<string | undefined> {
  const folder = npmFolder(name)
  return folder !== undefined && (await isPackage(folder, name)) ? folder : undefined
}

function npmFolderOf(name: string): string | undefined {
  try {
    const path = findPackageJSON(name, import.meta.url)
    return path === undefined ? undefined : dirname(path)
  } catch (error) {
    if (codeOf(error) === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}
