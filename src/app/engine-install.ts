import type { Config } from '../config/config.ts'
import type { Environment } from '../config/environment.ts'
import { installPackages, type InstallProgress } from '../providers/embedded/packages/install-packages.ts'
import {
  npmRegistryOf,
  npmrcPaths,
  npmSettingsOfEnvironment,
  type NpmRegistry,
  parseNpmrc,
} from '../providers/embedded/packages/npm-config.ts'
import { type EngineMachine, packagesOf } from '../providers/embedded/packages/package-table.ts'
import { removePackages } from '../providers/embedded/packages/remove-packages.ts'
import type { ExtraBackend } from '../spec/engine-packages.ts'
import { HttpSource } from '../system/http-source.ts'
import { readOptional } from '../system/optional-file.ts'
import type { StateFolders } from '../system/folders.ts'
import { enginesFolderOf } from './engine-packages.ts'

/*
 * Installing and removing, apart from looking what is there: what unpacks and downloads has no place in the daemon's memory.
 */

export interface EngineInstallOptions {
  readonly env: Environment
  readonly onProgress: (progress: InstallProgress) => void
  readonly signal: AbortSignal
  /** Default: this one. */
  readonly machine?: EngineMachine
}

export interface EngineInstalled {
  readonly backend: ExtraBackend
  /** False when it was here already. */
  readonly isNew: boolean
  readonly registryHost: string
}

/** Installs a backend from the registry that npm uses. Rejects as `installPackages`, and with `engine-unavailable`. */
export async function installEngine(
  name: string,
  config: Pick<Config, 'userHome'> & { readonly pull: Pick<Config['pull'], 'proxies'> },
  folders: Pick<StateFolders, 'home'>,
  { env, onProgress, signal, machine = process }: EngineInstallOptions,
): Promise<EngineInstalled> {
  const { backend, packages } = packagesOf(name, machine)
  const registry = await npmRegistry(config, env)
  const http = new HttpSource({ proxies: config.pull.proxies })
  try {
    const enginesFolder = enginesFolderOf(folders)
    const fetched = await installPackages(packages, { enginesFolder, registry, http, onProgress, signal })
    return { backend, isNew: fetched.length > 0, registryHost: new URL(registry.url).host }
  } finally {
    await http.close()
  }
}

/** Removes a backend; resolves to the bytes that were deleted. Rejects as `removePackages`. */
export function removeEngine(
  name: string,
  folders: Pick<StateFolders, 'home'>,
  machine: EngineMachine = process,
): Promise<number> {
  return removePackages(packagesOf(name, machine).packages, enginesFolderOf(folders))
}

/** As npm: the environment, then the user's file, then the machine's. */
async function npmRegistry({ userHome }: Pick<Config, 'userHome'>, env: Environment): Promise<NpmRegistry> {
  const environment = npmSettingsOfEnvironment(env)
  const layers = [environment]
  for (const path of npmrcPaths(environment, userHome, process.execPath)) {
    const text = await readOptional(path)
    if (text !== undefined) layers.push(parseNpmrc(text, env))
  }
  return npmRegistryOf('@node-llama-cpp', layers)
}
