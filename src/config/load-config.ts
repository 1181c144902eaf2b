import { resourceError } from '../spec/errors.ts'
import { type Config, type ConfigInput, resolveConfig } from './config.ts'
import { configFilePlaces, isThere, readConfigFile } from './config-file.ts'
import { placedPath, stateFolderOf, userHomeOf } from './state-folder.ts'

export interface LoadInput extends Pick<ConfigInput, 'env' | 'flags'> {
  /** Where the command was called: relative paths on the command line are meant from here. */
  readonly workingFolder: string
}

/** Finds and reads the configuration file, and resolves the whole. Throws like {@link resolveConfig}. */
export function loadConfig(input: LoadInput): Config {
  const path = findConfigFile(input)
  const file = path === undefined ? undefined : readConfigFile(path, userHomeOf(input.env))
  return resolveConfig({ ...input, file })
}

/** The configuration file that counts; `undefined` = there is none. Throws `config-invalid` when a named one is absent. */
export function findConfigFile(input: LoadInput): string | undefined {
  const { env, flags, workingFolder } = input
  const flagged = flags['--config']
  const named = flagged ?? env['GRYM_CONFIG']
  if (named !== undefined && named !== '') {
    const path = placedPath(String(named), workingFolder, userHomeOf(env))
    if (isThere(path)) return path
    const source = flagged === undefined ? 'GRYM_CONFIG' : '--config'
    throw resourceError('config-invalid', `${source} (config): there is no file ${path}.`, {
      details: { key: 'config' },
    })
  }
  for (const path of placesOf(input)) if (isThere(path)) return path
  return undefined
}

/** Where a file is looked for when none is named. */
export function placesOf({ env, flags, workingFolder }: LoadInput): readonly string[] {
  const home = flags['--home'] ?? env['GRYM_HOME']
  const stateFolder = stateFolderOf(env, home === undefined ? undefined : String(home), workingFolder, process.platform)
  return configFilePlaces(workingFolder, stateFolder)
}
