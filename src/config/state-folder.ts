import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Environment } from './environment.ts'

/** The user's own folder: `HOME`, else what the system says. */
export function userHomeOf(env: Environment): string {
  return env['HOME'] || homedir()
}

/** The folder that holds everything grym writes: the one that was named, else the platform's place for program data. */
export function stateFolderOf(
  env: Environment,
  named: string | undefined,
  workingFolder: string,
  platform: NodeJS.Platform,
): string {
  if (named) return resolve(workingFolder, named)
  const userHome = userHomeOf(env)
  if (platform === 'darwin') return join(userHome, 'Library', 'Application Support', 'grym')
  if (platform === 'win32') return join(env['LOCALAPPDATA'] || join(userHome, 'AppData', 'Local'), 'grym')
  return join(env['XDG_DATA_HOME'] || join(userHome, '.local', 'share'), 'grym')
}

/** A path as a person writes it: `~` is the user's own folder, anything else is relative to `folder`. */
export function placedPath(written: string, folder: string, userHome: string): string {
  if (written === '~') return userHome
  return /^~[/\\]/.test(written) ? join(userHome, written.slice(2)) : resolve(folder, written)
}
