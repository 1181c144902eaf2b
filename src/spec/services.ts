import type { ManagerService } from './admin.ts'
import type { CacheArchive } from './cache-service.ts'
import type { ContextService } from './contexts.ts'
import type { ConversationArchive } from './conversations.ts'
import type { EngineLogs } from './engine-logs.ts'
import type { History } from './history.ts'
import type { ModelLibrary } from './model-library.ts'
import type { ResponseArchive } from './stored-responses.ts'

/** Changes the configuration of what is running. */
export interface ConfigurationService {
  /**
   * Takes any part of the guide's configuration object, at once and whole, or rejects with `config-invalid` that names
   * every wrong key; then the old configuration stays in force.
   */
  configure(change: unknown): Promise<void>
}

/**
 * Everything that one instance of grym does for its callers: the gateway, the library and the command line reach it
 * through this, in the same process or over HTTP. Real: `app/compose.ts`, `client/remote-services.ts`.
 */
export interface GrymServices {
  readonly manager: ManagerService
  readonly contexts: ContextService
  readonly conversations: ConversationArchive
  readonly cache: CacheArchive
  readonly history: History
  readonly configuration: ConfigurationService
  readonly engineLogs: EngineLogs
}

/** What an instance that serves HTTP needs beside: models come and go, and responses are kept, where its own gateway is. */
export interface ServedServices extends GrymServices {
  readonly responses: ResponseArchive
  readonly library: ModelLibrary
}
