import { join } from 'node:path'
import { installedBackends, listEngines } from '../providers/embedded/engine-packages.ts'
import type { EngineBackend, EngineListing } from '../spec/engine-packages.ts'
import type { StateFolders } from '../system/folders.ts'

/** Where engines are that were installed apart. Made when the first one is. */
export function enginesFolderOf({ home }: Pick<StateFolders, 'home'>): string {
  return join(home, 'engines')
}

export function listEnginesOf(folders: Pick<StateFolders, 'home'>): Promise<readonly EngineListing[]> {
  return listEngines(enginesFolderOf(folders))
}

export function installedBackendsOf(folders: Pick<StateFolders, 'home'>): Promise<readonly EngineBackend[]> {
  return installedBackends(enginesFolderOf(folders))
}
