import type { ConversationQuery, ConversationSummary, StoredConversation } from '../spec/conversations.ts'
import type { GrymEvent } from '../spec/events.ts'
import type { ErrorReason } from '../spec/error-reason.ts'
import { ERROR_REASONS } from '../spec/error-table.ts'
import { resourceError } from '../spec/errors.ts'
import type { RecordedDecision, RecordedRequest } from '../spec/history.ts'
import type { LoadReceipt, Status, UnloadReceipt } from '../spec/status.ts'

/** A model as `GET /v1/models` lists it. */
export interface ListedModel {
  readonly id: string
  readonly created: number
  readonly state: string
  readonly context_length: number
  readonly size_bytes: number
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
  readonly url: string

  constructor(url: string) {
    this.url = url.replace(/\/+$/, '')
  }

  async health(
    signal?: AbortSignal,
  ): Promise<{ readonly status: string; readonly step?: string; readonly percent?: number }> {
    const response = await this.#fetch('/health', signal ? { signal } : {})
    return (await response.json()) as { status: string }
  }

  async status(): Promise<Status> {
    return (await this.#json('/grym/v1/status')) as Status
  }

  async models(): Promise<readonly ListedModel[]> {
    return ((await this.#json('/v1/models')) as { data: ListedModel[] }).data
  }

  async load(model: string | undefined, signal?: AbortSignal): Promise<LoadReceipt> {
    return (await this.#post('/grym/v1/models/load', { model }, signal)) as LoadReceipt
  }

  async unload(model: string | undefined, signal?: AbortSignal): Promise<UnloadReceipt> {
    return (await this.#post('/grym/v1/models/unload', { model }, signal)) as UnloadReceipt
  }

  async pin(model: string | undefined, pinned: boolean): Promise<void> {
    await this.#post('/grym/v1/models/pin', { model, pinned })
  }

  /** Decisions, oldest first; of many the newest. */
  async history(query: HistoryQuery): Promise<readonly RecordedDecision[]> {
    const path = `/grym/v1/history${queryText({ ...query })}`
    return ((await this.#json(path)) as { decisions: RecordedDecision[] }).decisions
  }

  /** Ends of requests, oldest first; the next page begins after the last event id of this one. */
  async historyRequests(query: {
    readonly after?: number
    readonly limit: number
  }): Promise<readonly RecordedRequest[]> {
    const path = `/grym/v1/history/requests${queryText({ ...query })}`
    return ((await this.#json(path)) as { requests: RecordedRequest[] }).requests
  }

  /** Last used first. */
  async conversations({ limit, beforeMs }: ConversationQuery): Promise<readonly ConversationSummary[]> {
    const path = `/grym/v1/conversations${queryText({ limit, before: beforeMs })}`
    return ((await this.#json(path)) as { conversations: ConversationSummary[] }).conversations
  }

  async conversation(id: string): Promise<StoredConversation> {
    return (await this.#json(conversationPath(id))) as StoredConversation
  }

  async deleteConversation(id: string): Promise<void> {
    await this.#delete(conversationPath(id))
  }

  /** Returns how many there were. */
  async deleteConversations(): Promise<number> {
    return ((await this.#delete('/grym/v1/conversations')) as { deleted: number }).deleted
  }

  /** Text of an answer as it comes. */
  async *chat(body: ChatBody, signal?: AbortSignal): AsyncGenerator<string, void, undefined> {
    const init = postInit({ ...body, stream: true }, signal)
    const response = await this.#checked(await this.#fetch('/v1/chat/completions', init))
    for await (const { data } of readEvents(response)) {
      if (data === '[DONE]') return
      const chunk = JSON.parse(data) as { error?: unknown; choices?: readonly { delta?: { content?: string } }[] }
      if (chunk.error !== undefined) throw errorOf(chunk, 500)
      const text = chunk.choices?.[0]?.delta?.content
      if (text) yield text
    }
    throw resourceError('engine-lost', 'The answer broke off. Ask again.')
  }

  /** Everything that happens in the daemon, from now on or from after `afterEventId`. */
  async *events(afterEventId?: number, signal?: AbortSignal): AsyncGenerator<GrymEvent, void, undefined> {
    const headers = afterEventId === undefined ? {} : { 'last-event-id': String(afterEventId) }
    const init = { headers, ...(signal && { signal }) }
    const response = await this.#checked(await this.#fetch('/grym/v1/events', init))
    for await (const { data } of readEvents(response)) yield JSON.parse(data) as GrymEvent
  }

  async #json(path: string): Promise<unknown> {
    return (await this.#checked(await this.#fetch(path, {}))).json()
  }

  async #post(path: string, body: object, signal?: AbortSignal): Promise<unknown> {
    return (await this.#checked(await this.#fetch(path, postInit(body, signal)))).json()
  }

  async #delete(path: string): Promise<unknown> {
    return (await this.#checked(await this.#fetch(path, { method: 'DELETE' }))).json()
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(`${this.url}${path}`, init)
    } catch (error) {
      if (init.signal?.aborted) throw error
      const message = `No daemon answers at ${this.url}. Start one with \`grym serve\`.`
      throw resourceError('daemon-unreachable', message, { cause: error })
    }
  }

  async #checked(response: Response): Promise<Response> {
    if (response.ok) return response
    throw errorOf(await response.json().catch(() => undefined), response.status)
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

function postInit(body: object, signal: AbortSignal | undefined): RequestInit {
  const headers = { 'content-type': 'application/json' }
  return { method: 'POST', headers, body: JSON.stringify(body), ...(signal && { signal }) }
}

function errorOf(body: unknown, status: number): Error {
  const { error } = (body ?? {}) as { error?: { message?: unknown; reason?: unknown; id?: unknown } }
  const reason = ERROR_REASONS.find((known) => known === error?.reason) ?? guessReason(status)
  const message = typeof error?.message === 'string' ? error.message : `The daemon answered with status ${status}.`
  return resourceError(reason, message, { details: { id: error?.id } })
}

function guessReason(status: number): ErrorReason {
  return status >= 500 ? 'internal' : 'invalid-request'
}

/** Messages of a server-sent event stream; comments and fields other than `data` are passed over. */
async function* readEvents(response: Response): AsyncGenerator<{ readonly data: string }, void, undefined> {
  if (!response.body) return
  let rest = ''
  const decoder = new TextDecoder()
  for await (const bytes of response.body) {
    const blocks = (rest + decoder.decode(bytes, { stream: true })).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = block
        .split('\n')
        .filter((line) => line.startsWith('data: '))
        .map((line) => line.slice('data: '.length))
      if (data.length > 0) yield { data: data.join('\n') }
    }
  }
}
