import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where engines for `npm run test:real` are kept between runs and checkouts: `GRYM_ENGINES_CACHE`, else the user's cache. */
export function engineCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env['GRYM_ENGINES_CACHE'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'grym-real-engines')
}

/** What was found or built, by engine; written beside the engines. */
export interface RealEngines {
  readonly llamaServer: RealEngine
  readonly ollama: RealEngine
}

export type RealEngine = { readonly binary: string; readonly from: string } | { readonly missing: string }

export const ENGINES_FILE = 'engines.json'
