import { Agent, request } from 'undici'
import type { Clock } from '../../spec/clock.ts'
import { ResourceError, resourceError } from '../../spec/errors.ts'
import { givenUp } from '../embedded/given-up.ts'
import { lmStudioFailure, refusalIn } from './failure.ts'
import { LISTING_PATHS, type LmStudioInterface, type LmStudioModel, readListing } from './listing.ts'

/** A refused connection is known at once; this is for addresses where nobody says anything. */
const CONNECT_TIMEOUT_MS = 500
const LIST_DEADLINE_MS = 5_000
/** Some hundred models are about 200 KB. */
const MAX_REPLY_BYTES = 8 * 1024 * 1024

export interface LmStudioServerOptions {
  /** `http://127.0.0.1:1234`, without a path. */
  readonly baseUrl: string
  /** Sent as `Authorization: Bearer`; LM Studio asks for one only where a person switched that on. */
  readonly token?: string
  readonly clock: Clock
}

/** What a request is: what for, in whose name, and how long it may take. */
interface Task {
  readonly for: 'load' | 'unload' | 'answer'
  readonly key: string
  readonly deadlineMs: number
  readonly signal?: AbortSignal
}

/**
 * LM Studio behind its address. Finds out by itself which of its interfaces it has, and again after it was away, since it
 * may have been updated meanwhile. Built to the documented protocol, not yet verified on the application.
 */
export class LmStudioServer {
  readonly baseUrl: string
  /** To be sent with whatever else is asked of it. */
  readonly headers: Readonly<Record<string, string>>
  /** Ids of the instances that grym loaded; every other one is a person's. */
  readonly ownInstances: Set<string> = new Set()
  readonly #clock: Clock
  readonly #agent = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS },
    // A load is answered when it is done; how long that may take is each task's own deadline.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  #interface: LmStudioInterface | undefined

  constructor({ baseUrl, token, clock }: LmStudioServerOptions) {
    this.baseUrl = baseUrl.replace(/\/+$/, '')
    this.headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    this.#clock = clock
  }

  /** Does it run on this machine? Elsewhere it takes no memory of ours. */
  get isLocal(): boolean {
    const { hostname } = new URL(this.baseUrl)
    return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
  }

  /** The newest interface that it answered by; `undefined` = it was not asked, or could not be. */
  get interface(): LmStudioInterface | undefined {
    return this.#interface
  }

  /**
   * The models that it has, and which of them are in memory. Some installations of 0.3 list only those in memory.
   * Rejects with `engine-unreachable`, `engine-refused` (it wants a token, or is no LM Studio) and `request-cancelled`.
   */
  async list(signal?: AbortSignal): Promise<readonly LmStudioModel[]> {
    const known = LISTING_PATHS.find(([by]) => by === this.#interface)
    for (const [by, path] of known ? [known, ...LISTING_PATHS] : LISTING_PATHS) {
      const { status, body } = await this.#ask('GET', path, undefined, LIST_DEADLINE_MS, signal)
      const models = readListing(by, body)
      if (models) {
        this.#interface = by
        return models
      }
      const refusal = refusalIn(status, body)
      if (refusal && (status === 401 || status === 403)) throw lmStudioFailure(refusal, 'answer', '')
    }
    this.#interface = undefined
    const message = `What answers at ${this.baseUrl} does not list models as LM Studio does. Correct the address of LM Studio in the configuration.`
    throw resourceError('engine-refused', message)
  }

  /** Rejects with `engine-unreachable`, with what it refuses, whatever the status, and with `request-cancelled`. */
  async post(path: string, body: unknown, task: Task): Promise<unknown> {
    const reply = await this.#ask('POST', path, JSON.stringify(body), task.deadlineMs, task.signal)
    const refusal = refusalIn(reply.status, reply.body)
    if (refusal) throw lmStudioFailure(refusal, task.for, task.key)
    return reply.body
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  async #ask(
    method: 'GET' | 'POST',
    path: string,
    body: string | undefined,
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Promise<{ status: number; body: unknown }> {
    if (signal?.aborted) throw givenUp()
    const deadline = new AbortController()
    const timer = this.#clock.setTimer(deadlineMs, () => deadline.abort())
    try {
      const reply = await request(this.baseUrl + path, {
        dispatcher: this.#agent,
        method,
        headers: { ...this.headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
        signal: signal ? AbortSignal.any([signal, deadline.signal]) : deadline.signal,
        ...(body !== undefined && { body }),
      })
      return { status: reply.statusCode, body: parsed(await boundedText(reply.body)) }
    } catch (error) {
      if (error instanceof ResourceError) throw error
      if (signal?.aborted) throw givenUp()
      this.#interface = undefined
      const hasTimedOut = deadline.signal.aborted
      const why = hasTimedOut ? `no answer within ${deadlineMs / 1000} s` : messageOf(error)
      const message = `LM Studio does not answer at ${this.baseUrl} (${why}). Start its server (in the application, or with \`lms server start\`), or correct the address.`
      throw resourceError('engine-unreachable', message, { details: { hasTimedOut }, cause: error })
    } finally {
      timer.cancel()
    }
  }
}

async function boundedText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of body) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > MAX_REPLY_BYTES) {
      const message = `LM Studio sent a reply of more than ${MAX_REPLY_BYTES / 1024 / 1024} MiB, which no reply of it has. Correct its address in the configuration.`
      throw resourceError('engine-refused', message)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** JSON, or the text itself: proxies in front of it answer with pages. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // undici tells in the cause, and a refused connection to a name with two addresses has no message at all.
  const { code } = error as { code?: unknown }
  return error.message === '' && typeof code === 'string' ? code : error.message
}
