import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { StoredConversation } from '../../src/spec/conversations.ts'
import { ScriptedStateCache } from '../../src/testing/scripted-state-cache.ts'
import type { RecordedDecision, RecordedRequest } from '../../src/spec/history.ts'

/** The routes of a daemon that look at its journal and conversations, over what a test puts there. */
export class StateServer implements AsyncDisposable {
  decisions: readonly RecordedDecision[] = []
  requests: readonly RecordedRequest[] = []
  conversations: StoredConversation[] = []
  readonly states: ScriptedStateCache = new ScriptedStateCache()
  /** To which every name leads; absent = to none. */
  modelId: string | undefined
  /** `METHOD /path?query` of every call. */
  readonly asked: string[] = []
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<StateServer> {
    const server = createServer()
    const served = new StateServer(server)
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      served.asked.push(`${request.method} ${request.url}`)
      const answer = served.#answer(request.method ?? '', new URL(request.url ?? '', 'http://here'))
      const error = { error: { reason: 'conversation-not-found', message: 'No such conversation.', id: 'err_1' } }
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(answer ?? error))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return served
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #answer(method: string, { pathname, searchParams }: URL): unknown {
    const limit = Number(searchParams.get('limit'))
    if (pathname === '/grym/v1/models/identify')
      return this.modelId === undefined ? undefined : { modelId: this.modelId }
    if (pathname === '/grym/v1/history') return { decisions: this.decisions.slice(-limit) }
    if (pathname === '/grym/v1/history/requests') {
      const after = Number(searchParams.get('after') ?? 0)
      return { requests: this.requests.filter(({ eventId }) => eventId > after).slice(0, limit) }
    }
    if (pathname.startsWith('/grym/v1/cache')) return this.#cache(pathname, searchParams)
    const id = /^\/grym\/v1\/conversations\/(.+)$/.exec(pathname)?.[1]
    if (id === undefined) return method === 'DELETE' ? this.#deleteAll() : this.#list(searchParams, limit)
    const found = this.conversations.find((conversation) => conversation.id === decodeURIComponent(id))
    if (!found || method !== 'DELETE') return found
    this.conversations = this.conversations.filter((conversation) => conversation !== found)
    return { deleted: 1 }
  }

  #list(query: URLSearchParams, limit: number): unknown {
    const beforeMs = Number(query.get('before') ?? Infinity)
    const found = this.conversations
      .filter(({ updatedAtMs }) => updatedAtMs < beforeMs)
      .sort((a, b) => b.updatedAtMs - a.updatedAtMs)
      .slice(0, limit)
    return { conversations: found.map(({ messages: _messages, system: _system, ...summary }) => summary) }
  }

  #cache(pathname: string, query: URLSearchParams): unknown {
    const { states } = this
    if (pathname.endsWith('/prune')) return { removed: 1, bytes: 5_000_000 }
    if (pathname.endsWith('/verify')) return { verified: states.entries.length, corrupt: states.corrupt }
    if (pathname.endsWith('/clear')) {
      const removed = states.entries.splice(0).length
      return { removed, bytes: removed * 5_000_000 }
    }
    const model = query.get('model')
    return { report: states.report(), entries: states.entries.filter((entry) => [entry.modelId, null].includes(model)) }
  }

  #deleteAll(): unknown {
    const deleted = this.conversations.length
    this.conversations = []
    return { deleted }
  }
}

export function storedConversation(changes: Partial<StoredConversation> = {}): StoredConversation {
  return {
    id: 'conv_1',
    owner: 'local',
    title: 'Hello',
    modelId: 'tiny',
    messageCount: 1,
    bytes: 5,
    createdAtMs: 1_700_000_000_000,
    updatedAtMs: 1_700_000_000_000,
    parentId: null,
    system: null,
    modelHistory: [],
    compaction: null,
    messages: [{ role: 'user', content: 'Hello', atMs: 1_700_000_000_000 }],
    ...changes,
  }
}

export function recordedRequest(changes: Partial<RecordedRequest> = {}): RecordedRequest {
  return {
    eventId: 1,
    endedAtMs: 2_000,
    requestId: 'req_1',
    modelId: 'tiny',
    outcome: 'ok',
    arrivedAtMs: 1_000,
    queueWaitMs: 100,
    loadMs: 0,
    firstTextMs: 150,
    promptTokens: 4,
    cachedTokens: 0,
    generatedTokens: 2,
    durationMs: 1_000,
    footprintBytes: 5_000_000,
    ...changes,
  }
}
