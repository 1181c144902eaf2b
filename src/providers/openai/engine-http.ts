import { Agent, type Dispatcher, EnvHttpProxyAgent, errors, request } from 'undici'
import { codeOf } from '../../spec/error-code.ts'
import type { Clock } from '../../spec/clock.ts'
import { type ResourceError, resourceError } from '../../spec/errors.ts'
import type { HttpProxies } from '../../system/http-source.ts'
import { givenUp, pause } from '../giving-up.ts'
import { asText, parsedJson } from '../../spec/json-narrowing.ts'
import { SilenceWatch } from './silence-watch.ts'
import { isBusy, type ToldError, toldError, upstreamError } from './upstream-error.ts'

/** Default of {@link EngineHttpOptions.connectTimeoutMs}. */
const CONNECT_TIMEOUT_MS = 5_000
/** Default of {@link EngineHttpOptions.mostSilentMs}: a long prompt on a CPU is read for minutes (307 s were measured). */
const MOST_SILENT_MS = 600_000
/** Tries of a request that the engine is too busy for, and the waits between them. */
const MAX_TRIES = 4
const FIRST_DELAY_MS = 250
const MAX_DELAY_MS = 5_000
/** Largest reply that is read whole; a thousand vectors of 4,096 numbers are half of it. */
const MAX_REPLY_BYTES = 134_217_728
/** Why a request is given up that is over: made once, because each one of its own costs a stack. */
const OVER = new Error('the request is over')
/** Most of a refusal that is read. */
const MAX_REFUSAL_BYTES = 65_536

export interface EngineHttpOptions {
  /** How the engine is called in messages: `llama-server of 'qwen'`. */
  readonly engine: string
  readonly clock: Clock
  /** Sent with every request, secrets among them: they never come into a message. */
  readonly headers?: Readonly<Record<string, string>>
  /** How long a connection may take to come about. Default 5 s. */
  readonly connectTimeoutMs?: number
  /** How long a reply may stand still before the engine counts as stuck, ms. Default 10 minutes. */
  readonly mostSilentMs?: number
  /** Asked after that silence; `true` = it works on, and is waited for as long again. Default: silence is enough. */
  readonly isAlive?: () => Promise<boolean>
  /** For engines on other machines. Default: no proxy. */
  readonly proxies?: HttpProxies
}

export interface EngineRequest {
  readonly url: string
  /** Sent by POST; absent = GET. */
  readonly body?: unknown
  readonly signal: AbortSignal
  /** Tries of a request that the engine is too busy for. Default 4. */
  readonly maxTries?: number
}

/** A reply whose status was good, its body still coming. */
export interface OpenReply {
  readonly status: number
  readonly isEventStream: boolean
  readonly body: AsyncIterable<Uint8Array>
  /** A piece of the body came: the engine lives. */
  readonly touch: () => void
  /** What went wrong while the body was read, in grym's words. */
  readonly explain: (error: unknown) => ResourceError
  /** Has to be called once nobody reads on: ends the watch, and the connection where the body is not read to its end. */
  readonly close: () => void
}

/**
 * HTTP with JSON bodies towards one engine: back-off while it is busy, bounded replies, a watch for silence, and every
 * failure as a `ResourceError`: `engine-unreachable`, `engine-busy`, `engine-refused`, `engine-stuck`, `engine-lost`
 * (it broke off), `request-cancelled`, and what {@link upstreamError} reads out of its words.
 */
export class EngineHttp {
  readonly #options: EngineHttpOptions
  readonly #dispatcher: Dispatcher

  constructor(options: EngineHttpOptions) {
    this.#options = options
    // Deadlines are this class's own: undici's would end a prompt that is read for longer than five minutes.
    const { proxies, connectTimeoutMs = CONNECT_TIMEOUT_MS } = options
    const limits = { headersTimeout: 0, bodyTimeout: 0, connect: { timeout: connectTimeoutMs } }
    this.#dispatcher = proxies
      ? new EnvHttpProxyAgent({
          ...limits,
          // Empty, not absent: an absent one would be looked up in the environment, which only `config` reads.
          httpProxy: proxies.httpProxy ?? '',
          httpsProxy: proxies.httpsProxy ?? '',
          noProxy: proxies.noProxy ?? '',
        })
      : new Agent(limits)
  }

  /** The JSON of a reply; `undefined` where it is none. */
  async json(asked: EngineRequest): Promise<unknown> {
    const reply = await this.open(asked)
    try {
      const body = await readBounded(reply.body, MAX_REPLY_BYTES, reply.touch)
      if (body === undefined) throw this.#error('engine-error', `sent more than ${MAX_REPLY_BYTES} bytes`)
      const json = parsedJson(body)
      const told = toldError(reply.status, json)
      if (told) throw this.refusal(told)
      return json
    } catch (error) {
      throw reply.explain(error)
    } finally {
      reply.close()
    }
  }

  /** The status of a reply, its body unread; `undefined` = none came within the deadline. Never rejects. */
  async status(url: string, deadlineMs: number, signal: AbortSignal): Promise<number | undefined> {
    const late = new AbortController()
    const timer = this.#options.clock.setTimer(deadlineMs, () => late.abort())
    const either = AbortSignal.any([signal, late.signal])
    try {
      const { statusCode, body } = await request(url, {
        dispatcher: this.#dispatcher,
        headers: { 'user-agent': 'grym', ...this.#options.headers },
        signal: either,
      })
      await body.dump({ limit: MAX_REFUSAL_BYTES, signal: either })
      return statusCode
    } catch (error) {
      // Nobody listens, nobody answers in time, nobody waits any more: all the same to who asks this way. What is thrown
      // for an abort is its reason, which may be anything.
      if (error instanceof Error || either.aborted) return undefined
      throw error
    } finally {
      timer.cancel()
    }
  }

  /** Sends a request until it is not refused for a moment only; rejects where its status is not a good one. */
  async open(asked: EngineRequest): Promise<OpenReply> {
    const { clock } = this.#options
    let delayMs = FIRST_DELAY_MS
    for (let tries = 1; ; tries++) {
      const reply = await this.#send(asked)
      if ('body' in reply) return reply
      const { told, retryAfterMs } = reply
      if (!isBusy(told) || tries >= (asked.maxTries ?? MAX_TRIES)) throw this.refusal(told)
      await pause(clock, Math.min(MAX_DELAY_MS, Math.max(delayMs, retryAfterMs)), asked.signal)
      delayMs *= 2
    }
  }

  /** What an engine told, as an error; a key that it repeats is left out. */
  refusal(told: ToldError): ResourceError {
    const { engine, headers = {} } = this.#options
    const key = headers['authorization']?.replace(/^Bearer /, '') ?? ''
    return upstreamError(engine, key === '' ? told : { ...told, message: told.message.replaceAll(key, '…') })
  }

  /** Ends every connection, those in use among them. */
  async close(): Promise<void> {
    await this.#dispatcher.destroy()
  }

  async #send(asked: EngineRequest): Promise<OpenReply | Refusal> {
    const { clock, isAlive, mostSilentMs = MOST_SILENT_MS } = this.#options
    const { signal } = asked
    if (signal.aborted) throw givenUp()
    const leave = new AbortController()
    const state: ReplyState = { signal, isStuck: false, hasReply: false }
    const abort = (): void => leave.abort()
    signal.addEventListener('abort', abort, { once: true })
    const watch = new SilenceWatch({
      clock,
      mostSilentMs,
      isAlive,
      onDead: () => {
        state.isStuck = true
        leave.abort()
      },
    })
    const close = (): void => {
      watch.stop()
      signal.removeEventListener('abort', abort)
      leave.abort(OVER)
    }
    const explain = (error: unknown): ResourceError => this.#explained(error, state)
    try {
      const response = await this.#ask(asked, leave.signal)
      state.hasReply = true
      watch.touch()
      const { statusCode: status } = response
      if (status >= 200 && status < 300) {
        const isEventStream = /^text\/event-stream/i.test(headerOf(response, 'content-type'))
        return { status, isEventStream, body: response.body, touch: () => watch.touch(), explain, close }
      }
      const refusal = await readRefusal(response, watch)
      close()
      return refusal
    } catch (error) {
      close()
      throw explain(error)
    }
  }

  /**
   * A connection that was used before may be closed by the engine in the very moment in which it is used again; then
   * the request was not read, and is sent once more.
   */
  async #ask({ url, body }: EngineRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { headers } = this.#options
    const send = (): Promise<Dispatcher.ResponseData> =>
      request(url, {
        dispatcher: this.#dispatcher,
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          'user-agent': 'grym',
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal,
      })
    try {
      return await send()
    } catch (error) {
      const wasUsed = error instanceof errors.SocketError && (error.socket?.bytesRead ?? 0) > 0
      if (!wasUsed || signal.aborted) throw error
      return send()
    }
  }

  #explained(error: unknown, state: ReplyState): ResourceError {
    if (state.isStuck) return this.#error('engine-stuck', 'sends nothing any more. Send the request again', error)
    if (state.signal.aborted) return givenUp()
    if (error instanceof Error && error.name === 'ResourceError') return error as ResourceError
    const words = wordsOf(error)
    if (state.hasReply || isBrokenOff(error)) {
      return this.#error('engine-lost', `broke off its reply (${words}). Send the request again`, error)
    }
    const way = 'Start it, or correct its address in the configuration'
    return this.#error('engine-unreachable', `does not answer at its address (${words}). ${way}`, error)
  }

  #error(reason: Parameters<typeof resourceError>[0], what: string, cause?: unknown): ResourceError {
    return resourceError(reason, `${this.#options.engine} ${what}.`, { cause })
  }
}

interface ReplyState {
  readonly signal: AbortSignal
  isStuck: boolean
  hasReply: boolean
}

interface Refusal {
  readonly told: NonNullable<ReturnType<typeof toldError>>
  /** 0 = it does not say. */
  readonly retryAfterMs: number
}

async function readRefusal(response: Dispatcher.ResponseData, watch: SilenceWatch): Promise<Refusal> {
  const { statusCode: status } = response
  const written = await readBounded(response.body, MAX_REFUSAL_BYTES, () => watch.touch())
  const seconds = Number(headerOf(response, 'retry-after'))
  const body = written === undefined ? '' : (parsedJson(written) ?? written)
  // A redirect is followed nowhere: what would be sent there is a conversation, and maybe a key.
  const told = toldError(Math.max(status, 400), body) ?? { status, message: '', kind: '', fields: {} }
  return { told, retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 0 }
}

/** The whole of a body as text; `undefined` = it is longer than that. */
async function readBounded(
  body: AsyncIterable<Uint8Array>,
  mostBytes: number,
  onBytes: () => void,
): Promise<string | undefined> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of body) {
    onBytes()
    bytes += piece.byteLength
    if (bytes > mostBytes) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

function headerOf({ headers }: Dispatcher.ResponseData, name: string): string {
  return asText(headers[name]) ?? ''
}

/** The connection stood and went away before a reply. */
function isBrokenOff(error: unknown): boolean {
  return error instanceof errors.SocketError || codeOf(error) === 'ECONNRESET' || codeOf(error) === 'EPIPE'
}

/** What happened, without the address: a person finds that in the configuration. */
function wordsOf(error: unknown): string {
  // Several addresses of one name were tried; the first one's failure says as much as any.
  if (error instanceof AggregateError) return wordsOf(error.errors[0])
  return codeOf(error) ?? (error instanceof Error ? error.message : String(error))
}
