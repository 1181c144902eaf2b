import type { CacheArchive } from '../spec/cache-service.ts'
import type { ContextService, ModelContext } from '../spec/contexts.ts'
import type { ConversationArchive, ConversationQuery, StoredConversation } from '../spec/conversations.ts'
import type { EngineLogs } from '../spec/engine-logs.ts'
import { resourceError } from '../spec/errors.ts'
import type { DecisionQuery, History, RequestQuery } from '../spec/history.ts'
import type { ModelLibrary } from '../spec/model-library.ts'
import type { ServedServices } from '../spec/services.ts'
import { ScriptedManager } from './scripted-manager.ts'
import { ScriptedResponses } from './scripted-responses.ts'
import { ScriptedStateCache } from './scripted-state-cache.ts'

/** Services that remember what they were asked, around a manager that the test conducts. */
export class ScriptedServices implements ServedServices {
  readonly manager: ScriptedManager = new ScriptedManager()
  /** Every call but the manager's, as `name: what it was given`. */
  readonly calls: [string, unknown][] = []
  readonly stored: StoredConversation[] = []
  readonly responses: ScriptedResponses = new ScriptedResponses()

  readonly contexts: ContextService = {
    initialize: async (modelId, limits) => this.#context('initialize', modelId, limits),
    get: async (modelId) => (modelId === 'none' ? undefined : this.#context('get', modelId, undefined)),
    addMessage: async (modelId, message) => this.#context('addMessage', modelId, message),
    remove: async (modelId) => void this.#context('remove', modelId, undefined),
  }

  readonly conversations: ConversationArchive = {
    list: async (query: ConversationQuery) => {
      this.calls.push(['list', query])
      return this.stored
    },
    get: async (id) => this.#conversation(id),
    delete: async (id) => void this.stored.splice(this.stored.indexOf(this.#conversation(id)), 1),
    deleteAll: async () => this.stored.splice(0).length,
  }

  readonly states: ScriptedStateCache = new ScriptedStateCache()

  readonly cache: CacheArchive = {
    list: async (modelId) => {
      const entries = this.states.list().filter((entry) => modelId === undefined || entry.modelId === modelId)
      return { report: this.states.report(), entries }
    },
    prune: () => this.states.prune(),
    verify: () => this.states.verify(),
    clear: (modelId) => this.states.clear(modelId),
  }

  readonly history: History = {
    decisions: async (query: DecisionQuery) => {
      this.calls.push(['decisions', query])
      return [{ eventId: 7, atMs: 5, decision: 'load', modelId: 'a', inputs: {} }]
    },
    requests: async (query: RequestQuery) => {
      this.calls.push(['requests', query])
      return []
    },
  }

  readonly engineLogs: EngineLogs = {
    read: async (model) => {
      this.calls.push(['logs', model])
      return { modelId: model ?? 'default', lines: ['one', 'two'] }
    },
  }

  /** `here` is here, `broken` breaks off after its first bytes, and any other name is downloaded. */
  readonly library: ModelLibrary = {
    pull: async (name, onProgress) => {
      this.calls.push(['pull', name])
      if (name === 'here') return
      onProgress({ source: 'somewhere', receivedBytes: 0, totalBytes: 10 })
      if (name === 'broken') throw resourceError('download-failed', 'The line broke.')
      onProgress({ source: 'somewhere', receivedBytes: 10, totalBytes: 10 })
    },
    remove: async (name) => {
      this.calls.push(['remove', name])
      return { modelId: await this.manager.identify(name), freedBytes: 5 }
    },
  }

  readonly configuration = {
    configure: async (change: unknown): Promise<void> => {
      this.calls.push(['configure', change])
      if (change === null || typeof change !== 'object') throw resourceError('config-invalid', 'an object')
    },
  }

  #context(name: string, modelId: string, given: unknown): ModelContext {
    this.calls.push([name, [modelId, given]])
    if (modelId === 'none') throw resourceError('context-not-found', `Context not found for model: ${modelId}`)
    const limits = { maxTokens: 10, contextWindow: 20, responseTokens: 0 }
    const times = { createdAtMs: 1, lastAccessedAtMs: 2 }
    return { modelId, conversationId: 'conv_1', messages: [], tokens: 0, tokenSource: 'exact', ...limits, ...times }
  }

  #conversation(id: string): StoredConversation {
    const found = this.stored.find((conversation) => conversation.id === id)
    if (!found) throw resourceError('conversation-not-found', `There is no conversation '${id}'.`)
    return found
  }
}
