import type { CacheArchive, CacheReceipt, CacheWish, RemovedStates } from '../spec/cache-service.ts'
import type { ModelWish } from '../spec/model-wish.ts'
import { encodeWish } from './wish-wire.ts'
import type { ConversationQuery, ConversationSummary, StoredConversation } from '../spec/conversations.ts'
import type { EngineLog } from '../spec/engine-logs.ts'
import type { GrymEvent } from '../spec/events.ts'
import { resourceError } from '../spec/errors.ts'
import type { RecordedDecision, RecordedRequest } from '../spec/history.ts'
import type { Platform } from '../spec/model.ts'
import type { VerifyReport } from '../spec/state-cache.ts'
import type { Capability, LoadReceipt, Status, UnloadReceipt } from '../spec/status.ts'
import { errorOfBody, HttpChannel, type HttpChannelOptions } from './http-channel.ts'

/** A model as `GET /v1/models` lists it. */
export interface ListedModel {
  readonly id: string
  readonly created: number
  readonly state: string
  readonly context_length: number
  readonly size_bytes: number | null
  readonly platform: Platform
  readonly capabilities: readonly Capability[]
}

/** A chat request of OpenAI's form. */
export interface ChatBody {
  readonly model?: string
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly temperature?: number
  readonly max_tokens?: number
  readonly seed?: number
}

/** Which decisions to look at: about one model, around one event, or the newest of all. */
export interface HistoryQuery {
  readonly model?: string
  readonly event?: number
  readonly limit: number
}

/**
 * Client of a grym daemon, for Node and browsers. Every call rejects with `ResourceError`: the daemon's own, by its
 * reason, or `daemon-unreachable`.
 */
export class GrymClient {
  /** What goes over the wire, for callers of endpoints that have no method here. */
  readonly channel: HttpChannel

  constructor(url: string, options: HttpChannelOptions = {}) {
    this.channel = new HttpChannel(url, options)
  }

  get url(): string {
    return this.channel.url
  }

  async health(
    signal?: AbortSignal,
  ): Promise<{ readonly status: string; readonly step?: string; readonly percent?: number }> {
    const response = await this.channel.fetch('/health', signal ? { signal } : {})
    return (await response.json()) as { status: string }
  }

  async status(): Promise<Status> {
    return (await this.channel.get('/grym/v1/status')) as Status
  }

  async models(): Promise<readonly ListedModel[]> {
    return ((await this.channel.get('/v1/models')) as { data: ListedModel[] }).data
  }

  async load(model: string | undefined, signal?: AbortSignal, wish?: ModelWish): Promise<LoadReceipt> {
    return (await this.channel.post('/grym/v1/models/load', { model, ...encodeWish(wish) }, signal)) as LoadReceipt
  }

  async unload(model: string | undefined, signal?: AbortSignal): Promise<UnloadReceipt> {
    return (await this.channel.post('/grym/v1/models/unload', { model }, signal)) as UnloadReceipt
  }

  /** Saves what a model's conversations are to it, and gives it back. */
  async moveToCache(model: string | undefined, wish: CacheWish = {}, signal?: AbortSignal): Promise<CacheReceipt> {
    const { ttlMs, priority } = wish
    const body = { model, ttl: ttlMs, priority }
    const answer = (await this.channel.post('/grym/v1/models/cache', body, signal)) as CacheReceipt & {
      readonly metrics: unknown
    }
    // In bytes it says the same.
    const { metrics: _, ...receipt } = answer
    return receipt
  }

  /** KV states on disk, last used first. */
  async cacheEntries(model?: string): ReturnType<CacheArchive['list']> {
    return (await this.channel.get(`/grym/v1/cache${queryText({ model })}`)) as Awaited<
      ReturnType<CacheArchive['list']>
    >
  }

  async pruneCache(): Promise<RemovedStates> {
    return (await this.channel.post('/grym/v1/cache/prune', {})) as RemovedStates
  }

  async verifyCache(): Promise<VerifyReport> {
    return (await this.channel.post('/grym/v1/cache/verify', {})) as VerifyReport
  }

  /** @param model absent = everything. */
  async clearCache(model?: string): Promise<RemovedStates> {
    return (await this.channel.post('/grym/v1/cache/clear', { model })) as RemovedStates
  }

  /** The id of the model that a name leads to. */
  async identify(model: string | undefined): Promise<string> {
    return ((await this.channel.post('/grym/v1/models/identify', { model })) as { modelId: string }).modelId
  }

  async pin(model: string | undefined, pinned: boolean): Promise<void> {
    await this.channel.post('/grym/v1/models/pin', { model, pinned })
  }

  /** What the model's engine printed last. */
  async engineLog(model: string | undefined): Promise<EngineLog> {
    return (await this.channel.get(`/grym/v1/logs${queryText({ model })}`)) as EngineLog
  }

  /** Decisions, oldest first; of many the newest. */
  async history(query: HistoryQuery): Promise<readonly RecordedDecision[]> {
    const path = `/grym/v1/history${queryText({ ...query })}`
    return ((await this.channel.get(path)) as { decisions: RecordedDecision[] }).decisions
  }

  /** Ends of requests, oldest first; the next page begins after the last event id of this one. */
  async historyRequests(query: {
    readonly after?: number
    readonly limit: number
  }): Promise<readonly RecordedRequest[]> {
    const path = `/grym/v1/history/requests${queryText({ ...query })}`
    return ((await this.channel.get(path)) as { requests: RecordedRequest[] }).requests
  }

  /** Last used first. */
  async conversations({ limit, beforeMs }: ConversationQuery): Promise<readonly ConversationSummary[]> {
    const path = `/grym/v1/conversations${queryText({ limit, before: beforeMs })}`
    return ((await this.channel.get(path)) as { conversations: ConversationSummary[] }).conversations
  }

  async conversation(id: string): Promise<StoredConversation> {
    return (await this.channel.get(conversationPath(id))) as StoredConversation
  }

  async deleteConversation(id: string): Promise<void> {
    await this.channel.delete(conversationPath(id))
  }

  /** Returns how many there were. */
  async deleteConversations(): Promise<number> {
    return ((await this.channel.delete('/grym/v1/conversations')) as { deleted: number }).deleted
  }

  /** Text of an answer as it comes. */
  async *chat(body: ChatBody, signal?: AbortSignal): AsyncGenerator<string, void, undefined> {
    const chunks = this.channel.stream('/v1/chat/completions', { ...body, stream: true }, signal ? { signal } : {})
    for await (const { data } of (await chunks).events) {
      if (data === '[DONE]') return
      const chunk = JSON.parse(data) as { error?: unknown; choices?: readonly { delta?: { content?: string } }[] }
      if (chunk.error !== undefined) throw errorOfBody(chunk, 500)
      const text = chunk.choices?.[0]?.delta?.content
      if (text) yield text
    }
    throw resourceError('engine-lost', 'The answer broke off. Ask again.')
  }

  /** Everything that happens in the daemon, from now on or from after `afterEventId`. */
  async *events(afterEventId?: number, signal?: AbortSignal): AsyncGenerator<GrymEvent, void, undefined> {
    const headers = afterEventId === undefined ? {} : { 'last-event-id': String(afterEventId) }
    const { events } = await this.channel.follow('/grym/v1/events', { headers, ...(signal && { signal }) })
    for await (const { data } of events) yield JSON.parse(data) as GrymEvent
  }
}

function conversationPath(id: string): string {
  return `/grym/v1/conversations/${encodeURIComponent(id)}`
}

/** `?a=1&b=x` of what is there. */
function queryText(values: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined)
  return `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString()}`
}
