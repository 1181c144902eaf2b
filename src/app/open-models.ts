import type { Config } from '../config/config.ts'
import type { FileCatalog } from '../models/catalog.ts'
import { EngineCatalog } from '../models/engine-catalog.ts'
import { usableCores } from '../system/cpu-cores.ts'
import { SystemClock } from '../system/system-clock.ts'
import { catalogSettings } from './catalog-settings.ts'
import { foldersOf, openCatalog } from './compose.ts'
import { connectEngines } from './engines.ts'
import { createProcessMeter } from './processes.ts'

/** The models of this machine, to look at: nothing is loaded, and no daemon is needed. */
export interface OpenModels {
  readonly catalog: EngineCatalog
  /** The files alone. */
  readonly files: FileCatalog
}

/** Looks at the models, and lets go of every connection afterwards. */
export async function withModels<Result>(
  config: Config,
  look: (models: OpenModels) => Promise<Result>,
): Promise<Result> {
  const folders = await foldersOf(config)
  const { catalog: files, learned, metadata } = await openCatalog(config, folders)
  const { models, providers } = connectEngines({
    config,
    clock: new SystemClock(),
    processMeter: createProcessMeter(),
    cores: usableCores(),
    watchIntervalMs: () => config.settings.sampling.intervalMs,
    idleTimeoutMs: () => config.idleTimeoutMs,
  })
  const settings = (): ReturnType<typeof catalogSettings> => catalogSettings(config, folders)
  const catalog = new EngineCatalog({ files, engines: models, learned, metadata, settings })
  try {
    return await look({ files, catalog })
  } finally {
    await Promise.all(Object.values(providers).map((provider) => provider.dispose()))
  }
}
