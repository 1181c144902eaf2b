import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { ConversationStore } from '../context/conversation-store.ts'
import { SystemClock } from '../system/system-clock.ts'
import type { StateFolders } from '../system/folders.ts'
import { JournalStore } from '../telemetry/journal-store.ts'

export interface OpenStateOptions {
  /** A fault that hurts no caller. Default: it is thrown away with the process that asked. */
  readonly onFault?: (error: unknown) => void
  /** A file was unreadable and had to be set aside; its content stays beside it. */
  readonly onSetAside?: (path: string, asidePath: string) => void
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
  options: OpenStateOptions = {},
): Promise<ConversationStore> {
  return ConversationStore.open({
    path: join(state, 'conversations.db'),
    limits: { maxConversations: maxCount, maxBytes, maxAgeMs },
    ...options,
  })
}
