import type { GrymClient } from '../client/grym-client.ts'
import { RemoteServices } from '../client/remote-services.ts'
import type { CacheArchive } from '../spec/cache-service.ts'
import type { ConversationArchive } from '../spec/conversations.ts'
import type { History } from '../spec/history.ts'
import type { Context } from './context.ts'

/*
 * What the daemon keeps, for verbs that look at it: asked of the running daemon, else read in the state folder. An
 * address that was given for this call is meant: when nothing answers there, the files here are no answer.
 */

/** Decisions and requests. */
export async function withHistory<Result>(
  context: Context,
  work: (history: History) => Promise<Result>,
): Promise<Result> {
  const client = await daemonOf(context)
  if (client) return work(new RemoteServices(client).history)
  const { openHistory } = await import('../app/open-state.ts')
  return closing(await openHistory(context.config, await foldersOf(context)), work)
}

/** Conversations. */
export async function withConversations<Result>(
  context: Context,
  work: (archive: ConversationArchive) => Promise<Result>,
): Promise<Result> {
  const client = await daemonOf(context)
  if (client) return work(new RemoteServices(client).conversations)
  const { openConversations, openStateCache } = await import('../app/open-state.ts')
  const folders = await foldersOf(context)
  const deletedIds: string[] = []
  const onRemoved = (id: string): void => void deletedIds.push(id)
  const result = await closing(await openConversations(context.config, folders, { onRemoved }), work)
  if (deletedIds.length > 0) {
    const cache = await openStateCache(context.config, folders)
    await closing(cache, () => cache.forgetConversations(deletedIds))
  }
  return result
}

/** KV states on disk. */
export async function withCache<Result>(
  context: Context,
  work: (cache: CacheArchive) => Promise<Result>,
): Promise<Result> {
  const client = await daemonOf(context)
  if (client) return work(new RemoteServices(client).cache)
  const { cacheArchive } = await import('../app/cache-archive.ts')
  const { openStateCache } = await import('../app/open-state.ts')
  const cache = await openStateCache(context.config, await foldersOf(context))
  return closing(cache, () => work(cacheArchive(() => cache)))
}

async function daemonOf(context: Context): Promise<GrymClient | undefined> {
  const origin = context.config.origins['listen']
  return origin === 'flag' || origin === 'environment' ? context.client() : context.runningClient()
}

async function foldersOf({ config }: Context): ReturnType<typeof import('../app/compose.ts').foldersOf> {
  return (await import('../app/compose.ts')).foldersOf(config)
}

async function closing<State extends { close(): void | Promise<void> }, Result>(
  state: State,
  work: (state: State) => Promise<Result>,
): Promise<Result> {
  try {
    return await work(state)
  } finally {
    await state.close()
  }
}
