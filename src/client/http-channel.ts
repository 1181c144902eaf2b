import type { ErrorReason } from '../spec/error-reason.ts'
import { ERROR_REASONS } from '../spec/error-table.ts'
import { resourceError } from '../spec/errors.ts'

export interface HttpChannelOptions {
  /** Default: the platform's own. */
  readonly fetch?: typeof fetch
  /** For connections that are only listened to. Default: {@link fetch}. */
  readonly follow?: typeof fetch
  /** Secret: sent with every request. */
  readonly key?: string | undefined
}

export interface CallOptions {
  readonly signal?: AbortSignal
  readonly headers?: Readonly<Record<string, string>>
}

/** A request whose headers are plain. */
export type ChannelInit = Omit<RequestInit, 'headers'> & { readonly headers?: Readonly<Record<string, string>> }

/** A stream of server-sent events, and the headers that came before it. */
export interface EventResponse {
  readonly headers: Headers
  readonly events: AsyncGenerator<{ readonly data: string }, void, undefined>
}

/**
 * JSON and event streams to and from one daemon, in Node and in browsers. Every call rejects with `ResourceError`: the
 * daemon's own, by its reason, or `daemon-unreachable`.
 */
export class HttpChannel {
  readonly url: string
  readonly #fetch: typeof fetch
  readonly #follow: typeof fetch
  readonly #headers: Readonly<Record<string, string>>

  constructor(url: string, options: HttpChannelOptions = {}) {
    this.url = url.replace(/\/+$/, '')
    this.#fetch = options.fetch ?? ((...call): ReturnType<typeof fetch> => fetch(...call))
    this.#follow = options.follow ?? this.#fetch
    this.#headers = options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }
  }

  get(path: string): Promise<unknown> {
    return this.#json(path, {})
  }

  delete(path: string): Promise<unknown> {
    return this.#json(path, { method: 'DELETE' })
  }

  post(path: string, body: unknown, signal?: AbortSignal): Promise<unknown> {
    return this.#json(path, initOf('POST', body, signal ? { signal } : {}))
  }

  patch(path: string, body: unknown): Promise<unknown> {
    return this.#json(path, initOf('PATCH', body, {}))
  }

  /** Asks, and reads the answer as it comes. */
  async stream(path: string, body: unknown, options: CallOptions): Promise<EventResponse> {
    const response = await checked(await this.fetch(path, initOf('POST', body, options)))
    return { headers: response.headers, events: readEvents(this.#bytes(response, options.signal)) }
  }

  /** Listens to what comes by itself. */
  async follow(path: string, options: CallOptions): Promise<EventResponse> {
    const response = await checked(await this.fetch(path, options, this.#follow))
    return { headers: response.headers, events: readEvents(this.#bytes(response, options.signal)) }
  }

  /** The response as it is. Rejects only with `daemon-unreachable`, or `request-cancelled` when the signal aborts. */
  async fetch(path: string, init: ChannelInit, by: typeof fetch = this.#fetch): Promise<Response> {
    try {
      return await by(`${this.url}${path}`, { ...init, headers: { ...this.#headers, ...init.headers } })
    } catch (error) {
      throw lost(`No daemon answers at ${this.url}. Start one with \`grym serve\`.`, error, init.signal)
    }
  }

  async #json(path: string, init: ChannelInit): Promise<unknown> {
    const response = await checked(await this.fetch(path, init))
    try {
      return await response.json()
    } catch (error) {
      throw lost(`What ${this.url} answered did not arrive whole. Ask again.`, error, init.signal)
    }
  }

  async *#bytes(response: Response, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    if (!response.body) return
    try {
      yield* response.body
    } catch (error) {
      throw lost(`The connection to ${this.url} broke off. Ask again.`, error, signal)
    }
  }
}

/** The error that a body of this status tells of. */
export function errorOfBody(body: unknown, status: number): Error {
  const { error } = (body ?? {}) as { error?: { message?: unknown; reason?: unknown; id?: unknown } }
  const reason = ERROR_REASONS.find((known) => known === error?.reason) ?? guessReason(status)
  const message = typeof error?.message === 'string' ? error.message : `The daemon answered with status ${status}.`
  return resourceError(reason, message, { details: { id: error?.id } })
}

/** Why nothing more comes: who asked has left, or the daemon is gone. */
function lost(message: string, cause: unknown, signal: AbortSignal | null | undefined): Error {
  if (signal?.aborted) return resourceError('request-cancelled', 'The request was cancelled.', { cause })
  return resourceError('daemon-unreachable', message, { cause })
}

async function checked(response: Response): Promise<Response> {
  if (response.ok) return response
  throw errorOfBody(await response.json().catch(() => undefined), response.status)
}

function initOf(method: string, body: unknown, { signal, headers }: CallOptions): ChannelInit {
  const type = { 'content-type': 'application/json' }
  return { method, headers: { ...type, ...headers }, body: JSON.stringify(body), ...(signal && { signal }) }
}

function guessReason(status: number): ErrorReason {
  return status >= 500 ? 'internal' : 'invalid-request'
}

/** Messages of a server-sent event stream; comments and fields other than `data` are passed over. */
async function* readEvents(
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly data: string }, void, undefined> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const bytes of stream) {
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
