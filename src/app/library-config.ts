import type { Config } from '../config/config.ts'
import { applyChange } from '../config/configure.ts'
import { readEnvironment } from '../config/environment.ts'
import { loadConfig } from '../config/load-config.ts'

/**
 * The configuration of a library: that of its environment and file, and calls of `configure()` on top, in their order.
 * Starts nothing. Throws `config-invalid` that names every wrong key.
 *
 * @param home state folder; wins over `GRYM_HOME`.
 */
export function libraryConfig(home: string | undefined, changes: readonly unknown[]): Config {
  const flags = home === undefined ? {} : { '--home': home }
  const loaded = loadConfig({ env: readEnvironment(), flags, workingFolder: process.cwd() })
  return changes.reduce<Config>((config, change) => applyChange(config, change), loaded)
}
