import type { CacheArchive } from '../spec/cache-service.ts'
import type { ContextService, ModelContext } from '../spec/contexts.ts'
import type { ConversationArchive } from '../spec/conversations.ts'
import type { EngineLogs } from '../spec/engine-logs.ts'
import type { History } from '../spec/history.ts'
import type { ConfigurationService, GrymServices } from '../spec/services.ts'
import type { GrymClient } from './grym-client.ts'
import { RemoteManager } from './remote-manager.ts'

/** The services of a daemon over HTTP, as if they were in this process. */
export class RemoteServices implements GrymServices {
  readonly manager: RemoteManager
  readonly contexts: ContextService
  readonly conversations: ConversationArchive
  readonly cache: CacheArchive
  readonly history: History
  readonly configuration: ConfigurationService
  readonly engineLogs: EngineLogs

  constructor(client: GrymClient) {
    const { channel } = client
    const context = async (call: string, body: object): Promise<unknown> =>
      channel.post(`/grym/v1/contexts/${call}`, body)
    this.manager = new RemoteManager(client)
    this.contexts = {
      initialize: async (model, limits) => (await context('initialize', { model, limits })) as ModelContext,
      async get(model) {
        const { context: found } = (await context('get', { model })) as { context: ModelContext | null }
        return found ?? undefined
      },
      addMessage: async (model, message) => (await context('add', { model, message: onWire(message) })) as ModelContext,
      async remove(model) {
        await context('remove', { model })
      },
    }
    this.conversations = {
      list: (query) => client.conversations(query),
      get: (id) => client.conversation(id),
      delete: (id) => client.deleteConversation(id),
      deleteAll: () => client.deleteConversations(),
    }
    this.cache = {
      list: (model) => client.cacheEntries(model),
      prune: () => client.pruneCache(),
      verify: () => client.verifyCache(),
      clear: (model) => client.clearCache(model),
    }
    this.history = {
      decisions: ({ modelId, eventId, limit }) =>
        client.history({
          limit,
          ...(modelId !== undefined && { model: modelId }),
          ...(eventId !== undefined && { event: eventId }),
        }),
      requests: ({ afterEventId, limit }) =>
        client.historyRequests({ limit, ...(afterEventId !== undefined && { after: afterEventId }) }),
    }
    this.engineLogs = { read: (model) => client.engineLog(model) }
    this.configuration = {
      async configure(change) {
        await channel.patch('/grym/v1/config', change ?? null)
      },
    }
  }

  /** Follows nothing any more. */
  destroy(): void {
    this.manager.destroy()
  }
}

/** A message as JSON carries it: the moment as milliseconds, like that of every message that comes back. */
function onWire(message: unknown): unknown {
  if (typeof message !== 'object' || message === null) return message ?? null
  const { timestamp } = message as { readonly timestamp?: unknown }
  return timestamp instanceof Date ? { ...message, timestamp: timestamp.getTime() } : message
}
