import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

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
