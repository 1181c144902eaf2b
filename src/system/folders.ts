import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

export interface FolderHints {
  readonly platform: NodeJS.Platform
  readonly homeFolder: string
  /** `GRYM_HOME`. */
  readonly grymHome?: string | undefined
  /** `XDG_DATA_HOME` (Linux). */
  readonly xdgDataHome?: string | undefined
  /** `LOCALAPPDATA` (Windows). */
  readonly localAppData?: string | undefined
}

/** The folder that holds everything grym writes: `GRYM_HOME`, else the platform's place for a program's data. */
export function stateFolder(hints: FolderHints): string {
  if (hints.grymHome) return hints.grymHome
  if (hints.platform === 'darwin') return join(hints.homeFolder, 'Library', 'Application Support', 'grym')
  if (hints.platform === 'win32') {
    return join(hints.localAppData || join(hints.homeFolder, 'AppData', 'Local'), 'grym')
  }
  return join(hints.xdgDataHome || join(hints.homeFolder, '.local', 'share'), 'grym')
}

/** Folders inside the state folder, by what they hold. */
export interface StateFolders {
  readonly home: string
  readonly models: string
  readonly state: string
  readonly cache: string
  readonly logs: string
}

/** Makes the state folder and what belongs in it, readable by its owner only. */
export async function prepareFolders(home: string): Promise<StateFolders> {
  const folders = {
    home,
    models: join(home, 'models'),
    state: join(home, 'state'),
    cache: join(home, 'cache'),
    logs: join(home, 'logs'),
  }
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true, mode: 0o700 })
  return folders
}
