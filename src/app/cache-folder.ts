import { join } from 'node:path'
import type { Config } from '../config/config.ts'

/** The end of the cache's folder, as the guide names it. */
const CACHE_FOLDER = join('.cache', 'models')

/** Where KV states lie: below the configured folder, else below the state folder. */
export function cacheFolderOf({ kvcache, home }: Pick<Config, 'kvcache' | 'home'>): string {
  const below = kvcache.folder ?? home
  return below.endsWith(CACHE_FOLDER) ? below : join(below, CACHE_FOLDER)
}
