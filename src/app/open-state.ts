import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { KvCache } from '../kvcache/kv-cache.ts'
import { ConversationStore } from '../context/conversation-store.ts'
import { SystemClock } from '../system/system-clock.ts'
import type { StateFolders } from '../system/folders.ts'
import { JournalStore } from '../telemetry/journal-store.ts'
import { cacheFolderOf } from './cache-folder.ts'

export interface OpenStateOptions {
  /** A fault that hurts no caller. Default: it is thrown away with the process that asked. */
  readonly onFault?: (error: unknown) => void
  /** A file was unreadable and had to be set aside; its content stays beside it. */
  readonly onSetAside?: (path: string, asidePath: string) => void
}

export interface OpenConversationsOptions extends OpenStateOptions {
  /** A conversation is gone, for whatever reason; called inside the transaction that removes it. */
  readonly onRemoved?: (conversationId: string) => void
}

/** The journal of the state folder. The daemon has it open, too: SQLite lets several read and one write at a time. */
export function openHistory(
  { journal }: Config,
  { state }: StateFolders,
  { onFault, onSetAside }: OpenStateOptions = {},
): Promise<JournalStore> {
  return JournalStore.open({
    path: join(state, 'journal.db'),
    limits: journal,
    clock: new SystemClock(),
    onFault: (error) => onFault?.(error),
    onSetAside: (path, asidePath) => onSetAside?.(path, asidePath),
  })
}

/** The conversations of the state folder. */
export function openConversations(
  { conversations: { maxCount, maxBytes, maxAgeMs } }: Config,
  { state }: StateFolders,
  options: OpenConversationsOptions = {},
): Promise<ConversationStore> {
  return ConversationStore.open({
    path: join(state, 'conversations.db'),
    limits: { maxConversations: maxCount, maxBytes, maxAgeMs },
    ...options,
  })
}

/**
 * The KV states on disk; one process at a time has them open. Throws `cache-operation-failed`, `disk-full`, or the disk's
 * own error.
 *
 * @param inForce the configuration at each moment. Where conversations are not kept, no state of theirs is.
 */
export function openStateCache(
  config: Config,
  folders: StateFolders,
  inForce: () => Config = () => config,
): Promise<KvCache> {
  return KvCache.open({
    clock: new SystemClock(),
    folder: cacheFolderOf(config),
    keyPath: join(folders.state, 'kvcache.key'),
    settings() {
      const { kvcache, conversations } = inForce()
      return { ...kvcache, isEnabled: kvcache.isEnabled && conversations.keep }
    },
  })
}
