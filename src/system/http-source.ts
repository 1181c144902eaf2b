import { EnvHttpProxyAgent, fetch, type Response } from 'undici'
import { resourceError } from '../spec/errors.ts'

/** How long a source may take to answer before the next one is tried. */
export const ANSWER_TIMEOUT_MS = 5_000
/** How long a download may stand still. */
const STALL_TIMEOUT_MS = 30_000
const MAX_REDIRECTS = 5

export interface HttpProxies {
  readonly httpProxy?: string | undefined
  readonly httpsProxy?: string | undefined
  readonly noProxy?: string | undefined
}

export interface HttpSourceOptions {
  readonly proxies?: HttpProxies
  readonly answerTimeoutMs?: number
  readonly stallTimeoutMs?: number
}

export interface HttpRequest {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent to this URL's host only, never to where it redirects. */
  readonly secretHeaders?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** HTTP as downloads need it: proxies, deadlines, bounded redirects, secrets that stay with their host. */
export class HttpSource {
  readonly #dispatcher: EnvHttpProxyAgent
  readonly #answerTimeoutMs: number
  readonly #stallTimeoutMs: number

  constructor(options: HttpSourceOptions = {}) {
    const { httpProxy, httpsProxy, noProxy } = options.proxies ?? {}
    this.#stallTimeoutMs = options.stallTimeoutMs ?? STALL_TIMEOUT_MS
    this.#answerTimeoutMs = options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS
    this.#dispatcher = new EnvHttpProxyAgent({
      // Empty, not absent: an absent one would be looked up in the environment, which only `config` reads.
      httpProxy: httpProxy ?? '',
      httpsProxy: httpsProxy ?? '',
      noProxy: noProxy ?? '',
      bodyTimeout: this.#stallTimeoutMs,
      connectTimeout: this.#answerTimeoutMs,
    })
  }

  /** The answer with its headers in; its body still comes. Throws `download-failed` unless the status is 2xx. */
  async get(request: HttpRequest): Promise<Response> {
    let url = new URL(request.url)
    const host = url.host
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const secrets = url.host === host ? request.secretHeaders : undefined
      const response = await this.#fetch(url, { ...request.headers, ...secrets }, request.signal)
      const location = response.headers.get('location')
      if (response.status >= 300 && response.status < 400 && location) {
        await response.body?.cancel()
        const next = new URL(location, url)
        if (url.protocol === 'https:' && next.protocol !== 'https:')
          throw failed(url, 'it redirects to an unsafe address')
        url = next
        continue
      }
      if (!response.ok) {
        await response.body?.cancel()
        throw failed(url, `it answered with status ${response.status}`)
      }
      return response
    }
    throw failed(url, `it redirects more than ${MAX_REDIRECTS} times`)
  }

  async close(): Promise<void> {
    await this.#dispatcher.close()
  }

  async #fetch(
    url: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), this.#answerTimeoutMs)
    const either = signal ? AbortSignal.any([signal, late.signal]) : late.signal
    try {
      // The deadline is for the headers; once they are in, `bodyTimeout` watches the body.
      return await fetch(url, { headers, redirect: 'manual', dispatcher: this.#dispatcher, signal: either })
    } catch (error) {
      if (signal?.aborted) throw error
      if (late.signal.aborted) throw failed(url, `it did not answer within ${this.#answerTimeoutMs / 1_000} s`)
      throw failed(url, rootMessage(error), error)
    } finally {
      clearTimeout(timer)
    }
  }
}

function failed(url: URL, why: string, cause?: unknown): Error {
  return resourceError('download-failed', `${url.host} could not deliver: ${why}.`, { cause })
}

/** The innermost cause says what happened; "fetch failed" does not. */
function rootMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message || error.name : rootMessage(error.cause)
}
