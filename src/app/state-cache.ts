import type { Config } from '../config/config.ts'
import type { CacheArchive } from '../spec/cache-service.ts'
import { resourceError, toErrorData } from '../spec/errors.ts'
import type { StateCacheKeeper } from '../spec/state-cache.ts'
import type { StateFolders } from '../system/folders.ts'
import { cacheArchive } from './cache-archive.ts'
import { openStateCache } from './open-state.ts'

export interface AppStatesOptions {
  readonly config: Config
  readonly folders: StateFolders
  /** The configuration in force. */
  readonly inForce: () => Config
  /** Does the store still have this conversation? */
  readonly isThere: (conversationId: string) => boolean
  readonly onNotice: (text: string) => void
  readonly onFault: (error: unknown) => void
}

/** The cache of this instance, if it has one. */
export interface AppStates {
  /** `undefined` = it could not be opened; everything else works all the same. */
  readonly keeper: StateCacheKeeper | undefined
  readonly archive: CacheArchive
}

/** Opens the cache. One that cannot be opened is told, and is no reason not to start. */
export async function openAppStates(options: AppStatesOptions): Promise<AppStates> {
  const { config, folders, inForce, isThere, onNotice, onFault } = options
  try {
    const keeper = await openStateCache(config, folders, inForce)
    let lastFault = ''
    keeper.onFault(({ message }) => {
      // A disk that stays full says the same at every save.
      if (message !== lastFault) onFault(resourceError('cache-operation-failed', message))
      lastFault = message
    })
    await forgetOrphans(keeper, isThere)
    await keepWithinCaps(keeper, onFault)
    return { keeper, archive: cacheArchive(() => keeper) }
  } catch (error) {
    const { message } = toErrorData(error)
    onNotice(`No KV state is kept on disk: ${message} Conversations are read again from their text.`)
    const archive = cacheArchive(() => {
      throw resourceError('cache-operation-failed', `The KV cache could not be opened: ${message}`)
    })
    return { keeper: undefined, archive }
  }
}

/** What has expired goes, and what is over caps that were lowered; what cannot go now goes the next time. */
export async function keepWithinCaps(
  keeper: Pick<StateCacheKeeper, 'prune'>,
  onFault: (error: unknown) => void,
): Promise<void> {
  await keeper.prune().catch(onFault)
}

/** States whose conversation was deleted by a process that ended before their files were. */
async function forgetOrphans(keeper: StateCacheKeeper, isThere: (conversationId: string) => boolean): Promise<void> {
  const ids = new Set(keeper.list().flatMap(({ conversationId }) => conversationId ?? []))
  const orphans = [...ids].filter((id) => !isThere(id))
  if (orphans.length > 0) await keeper.forgetConversations(orphans)
}
