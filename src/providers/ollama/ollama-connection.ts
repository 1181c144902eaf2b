import { type Dispatcher, Pool } from 'undici'
import { codeOf } from '../../spec/error-code.ts'
import type { Clock } from '../../spec/clock.ts'
import { ResourceError, resourceError } from '../../spec/errors.ts'
import { Deadline } from './deadline.ts'
import { listOf, objectOf, textOf } from './foreign-values.ts'
import { jsonLines, parseReply } from './json-lines.ts'
import { type OllamaAge, ollamaAge } from './ollama-age.ts'
import { ollamaFailure } from './ollama-failure.ts'
import { givenUp, orGivenUp, pause } from '../giving-up.ts'
import { isOnThisMachine } from '../on-this-machine.ts'

export interface OllamaConnectionOptions {
  /** `http://127.0.0.1:11434`; a path before Ollama's own ones is kept. */
  readonly baseUrl: string
  readonly clock: Clock
  /** Of this grym: an answer with it comes from ourselves, which is no Ollama. */
  readonly ownInstanceId?: string
}

/** How one request is made. */
export interface OllamaCall {
  readonly signal?: AbortSignal
  /** Until the whole reply is here; default 10 s. */
  readonly deadlineMs?: number
  /** For messages. */
  readonly model?: string
}

interface Asked {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body: object | undefined
  readonly signal: AbortSignal
}

/** On this machine a connection comes about at once or not at all. */
const LOOPBACK_CONNECT_TIMEOUT_MS = 500
/** Elsewhere a packet may be lost, which is sent again after 1 s, and TLS goes back and forth. */
const CONNECT_TIMEOUT_MS = 5_000
const DEFAULT_DEADLINE_MS = 10_000
/** Waits before the next try of a request that was refused as "busy"; after the last one it is refused here. */
const BUSY_PAUSES_MS = [250, 500, 1_000, 2_000, 4_000]
/** Longest whole reply: vectors of many texts are the largest. */
const MAX_REPLY_BYTES = 128 * 1_024 * 1_024
/** Longest text of a refusal that is read. */
const MAX_REFUSAL_BYTES = 64 * 1_024
const INSTANCE_HEADER = 'x-grym-instance'

/** HTTP to one Ollama: JSON and lines of JSON, deadlines, patience with a busy server, and its errors in our words. */
export class OllamaConnection {
  readonly baseUrl: string
  /** On this machine, so that processes of it may be looked at. */
  readonly isLoopback: boolean
  readonly #clock: Clock
  readonly #ownInstanceId: string | undefined
  readonly #pool: Pool
  readonly #pathPrefix: string
  #version: Promise<string> | undefined

  constructor({ baseUrl, clock, ownInstanceId }: OllamaConnectionOptions) {
    const url = new URL(baseUrl)
    this.baseUrl = baseUrl
    this.isLoopback = isOnThisMachine(baseUrl)
    this.#clock = clock
    this.#ownInstanceId = ownInstanceId
    this.#pathPrefix = url.pathname.replace(/\/+$/, '')
    this.#pool = new Pool(url.origin, {
      connect: { timeout: this.isLoopback ? LOOPBACK_CONNECT_TIMEOUT_MS : CONNECT_TIMEOUT_MS },
      // A load answers when it is done, and a prompt may take minutes: each request has its own deadline.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  /** Which of Ollama's two designs answers there; asked once, and again after nobody answered. */
  async age(signal?: AbortSignal): Promise<OllamaAge> {
    const age = ollamaAge(await this.version(signal))
    if (age !== 'unknown') return age
    // A build by hand has no version. Lists tell of capabilities since the new design.
    const { models } = objectOf(await this.get('/api/tags', signal ? { signal } : {}))
    const isNew = listOf(models).some((model) => Array.isArray(objectOf(model)['capabilities']))
    return isNew ? 'llama-server' : 'own-runner'
  }

  /** Its version: `0.17.4`. */
  async version(signal?: AbortSignal): Promise<string> {
    this.#version ??= this.#readVersion()
    return signal ? orGivenUp(this.#version, signal) : this.#version
  }

  /** Asks and reads the whole reply. Both may be sent twice: whatever grym asks so is "ensure". */
  async get(path: string, call: OllamaCall = {}): Promise<unknown> {
    return this.#whole('GET', path, undefined, call)
  }

  async post(path: string, body: object, call: OllamaCall = {}): Promise<unknown> {
    return this.#whole('POST', path, body, call)
  }

  /**
   * Posts and yields the lines of the answer as they come. Ends where the stream ends, whether the answer was complete
   * or not, and has no deadline: who reads it watches over its silences. Leaving it closes the connection, which is how Ollama is told to stop.
   */
  async *stream(path: string, body: object, call: OllamaCall = {}): AsyncGenerator<unknown, void, undefined> {
    const leaving = new AbortController()
    const signal = call.signal ? AbortSignal.any([call.signal, leaving.signal]) : leaving.signal
    try {
      const response = await this.#patiently({ method: 'POST', path, body, signal }, call, false)
      yield* jsonLines(response.body)
    } catch (error) {
      throw this.#failure(error, call)
    } finally {
      leaving.abort()
    }
  }

  /** Requests under way are broken off. */
  async close(): Promise<void> {
    await this.#pool.destroy()
  }

  async #readVersion(): Promise<string> {
    try {
      return textOf(objectOf(await this.get('/api/version'))['version']) ?? '0.0.0'
    } catch (error) {
      this.#version = undefined
      throw error
    }
  }

  async #whole(method: 'GET' | 'POST', path: string, body: object | undefined, call: OllamaCall): Promise<unknown> {
    const deadlineMs = call.deadlineMs ?? DEFAULT_DEADLINE_MS
    const deadline = new Deadline(this.#clock, deadlineMs, call.signal)
    try {
      const response = await this.#patiently({ method, path, body, signal: deadline.signal }, call, true)
      return parseReply(await readText(response.body, MAX_REPLY_BYTES))
    } catch (error) {
      if (deadline.hasPassed && !call.signal?.aborted) throw this.#silence(deadlineMs)
      throw this.#failure(error, call)
    } finally {
      deadline.end()
    }
  }

  /**
   * A reply of status 2xx, its body still to come. Throws what the refusal means.
   * @param mayRepeat it does the same when it comes twice.
   */
  async #patiently(
    { method, path, body, signal }: Asked,
    { model }: OllamaCall,
    mayRepeat: boolean,
  ): Promise<Dispatcher.ResponseData> {
    for (let tries = 0; ; tries++) {
      const response = await this.#request({ method, path, body, signal }, tries === 0 && mayRepeat)
      if (this.#isOurselves(response)) {
        await response.body.dump()
        const message = `${this.baseUrl} is grym's own address, where no Ollama listens. Point \`engines.ollama.url\` at Ollama.`
        throw resourceError('engine-unreachable', message, { details: { isOurselves: true } })
      }
      if (response.statusCode >= 200 && response.statusCode < 300) return response
      const text = refusalText(await readText(response.body, MAX_REFUSAL_BYTES))
      const delayMs = response.statusCode === 503 ? BUSY_PAUSES_MS[tries] : undefined
      if (delayMs === undefined) {
        throw ollamaFailure({ status: response.statusCode, text, ...(model !== undefined && { model }) })
      }
      await pause(this.#clock, delayMs, signal)
    }
  }

  async #request(asked: Asked, mayRepeat: boolean): Promise<Dispatcher.ResponseData> {
    const { method, path, body, signal } = asked
    try {
      return await this.#pool.request({
        method,
        path: `${this.#pathPrefix}${path}`,
        headers: {
          ...(body && { 'content-type': 'application/json' }),
          ...(this.#ownInstanceId !== undefined && { [INSTANCE_HEADER]: this.#ownInstanceId }),
        },
        body: body ? JSON.stringify(body) : null,
        signal,
      })
    } catch (error) {
      // A connection that was kept may have been closed meanwhile; only a new one tells whether anybody is there.
      if (mayRepeat && !signal.aborted && isBroken(error)) return this.#request(asked, false)
      throw error
    }
  }

  #isOurselves({ headers }: Dispatcher.ResponseData): boolean {
    return this.#ownInstanceId !== undefined && headers[INSTANCE_HEADER] === this.#ownInstanceId
  }

  /** What was thrown on the way, in our words. */
  #failure(error: unknown, { signal }: OllamaCall): ResourceError {
    if (signal?.aborted) return givenUp()
    if (error instanceof ResourceError) {
      if (error.reason === 'engine-unreachable') this.#version = undefined
      return error
    }
    this.#version = undefined
    const code = codeOf(error)
    const why = code === 'ECONNREFUSED' ? 'nobody listens there' : innermostMessage(error)
    const message = `Ollama does not answer at ${this.baseUrl} (${why}). Start it, or correct its address.`
    return resourceError('engine-unreachable', message, { details: { ...(code && { code }) }, cause: error })
  }

  #silence(deadlineMs: number): ResourceError {
    this.#version = undefined
    const message = `Ollama at ${this.baseUrl} did not answer within ${deadlineMs / 1_000} s.`
    return resourceError('engine-unreachable', message, { details: { isLate: true } })
  }
}

function isBroken(error: unknown): boolean {
  return BROKEN.has(codeOf(error))
}

const BROKEN: ReadonlySet<unknown> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

async function readText(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = []
  let sumBytes = 0
  for await (const part of body) {
    sumBytes += part.length
    if (sumBytes > maxBytes) {
      throw resourceError('engine-error', `Ollama sent a reply of more than ${maxBytes} bytes; it is not read.`)
    }
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** `{"error": text}`, or what else came: a proxy's own page. */
function refusalText(text: string): string {
  try {
    const error = objectOf(JSON.parse(text))['error']
    return textOf(error) ?? textOf(objectOf(error)['message']) ?? text
  } catch {
    return text
  }
}

/** `fetch failed` says nothing; its cause does. */
function innermostMessage(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return innermostMessage(error.errors[0])
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message || error.name : innermostMessage(error.cause)
}
