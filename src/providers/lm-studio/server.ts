import type { Clock } from '../../spec/clock.ts'
import { ResourceError, resourceError } from '../../spec/errors.ts'
import { type OpenAiDialect, PLAIN_OPENAI } from '../openai/dialect.ts'
import { OpenAiUpstream } from '../openai/open-ai-upstream.ts'
import { type LmStudioTask, lmStudioFailure } from './failure.ts'
import { LISTING_PATHS, type LmStudioInterface, type LmStudioModel, readListing, recordOf } from './listing.ts'
import { isOnThisMachine } from '../on-this-machine.ts'

const LIST_DEADLINE_MS = 5_000
/** On this machine a connection comes about at once, or nobody is there to take it. */
const LOCAL_CONNECT_TIMEOUT_MS = 500

/** It takes a few options of llama.cpp's, refuses a `tool_choice` that is no text, and knows schemas but no `json_object`. */
const LM_STUDIO: OpenAiDialect = {
  ...PLAIN_OPENAI,
  takesLocalSampling: true,
  takesNamedTool: false,
  takesSuffix: false,
  takesJsonObject: false,
}

export interface LmStudioServerOptions {
  /** `http://127.0.0.1:1234`, without a path. */
  readonly baseUrl: string
  /** Sent as `Authorization: Bearer`; LM Studio wants one only where a person switched that on. */
  readonly token?: string
  readonly clock: Clock
}

interface Question {
  readonly path: string
  /** Sent by POST; absent = GET. */
  readonly body?: unknown
  readonly task: LmStudioTask
  /** The model that it is about. */
  readonly key: string
  readonly deadlineMs: number
  readonly signal?: AbortSignal
}

export interface ListCall {
  readonly signal?: AbortSignal
  /** For the whole list, whatever it takes to find out which interface there is. Default 5 s. */
  readonly deadlineMs?: number
}

/**
 * LM Studio behind its address. Finds out by itself which of its interfaces it has, and again after it was away, since it
 * may have been updated meanwhile. Built to the documented protocol, not yet verified on the application.
 */
export class LmStudioServer {
  readonly baseUrl: string
  /** Generates and embeds; what answers for another model than the one that was asked is refused. */
  readonly upstream: OpenAiUpstream
  /** Ids of the instances that grym loaded; every other one is a person's. */
  readonly ownInstances: Set<string> = new Set()
  readonly #clock: Clock
  #interface: LmStudioInterface | undefined

  constructor({ baseUrl, token, clock }: LmStudioServerOptions) {
    this.baseUrl = baseUrl.replace(/\/+$/, '')
    this.#clock = clock
    this.upstream = new OpenAiUpstream({
      engine: 'LM Studio',
      baseUrl: `${this.baseUrl}/v1`,
      clock,
      dialect: LM_STUDIO,
      isSameModel,
      ...(this.isLocal && { connectTimeoutMs: LOCAL_CONNECT_TIMEOUT_MS }),
      ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
    })
  }

  /** Does it run on this machine? Elsewhere it takes no memory of ours. */
  get isLocal(): boolean {
    return isOnThisMachine(this.baseUrl)
  }

  /** The newest interface that it answered by; `undefined` = it was not asked, or could not be. */
  get interface(): LmStudioInterface | undefined {
    return this.#interface
  }

  /**
   * The models that it has, and which of them are in memory. Some installations of 0.3 list only those in memory.
   * Rejects with `engine-unreachable`, `engine-refused` (it wants a token, or is no LM Studio) and `request-cancelled`.
   */
  async list({ signal, deadlineMs = LIST_DEADLINE_MS }: ListCall = {}): Promise<readonly LmStudioModel[]> {
    const untilMs = this.#clock.nowMs() + deadlineMs
    const listed = (path: string): Promise<unknown> =>
      this.#listed({ path, deadlineMs: Math.max(0, untilMs - this.#clock.nowMs()), ...(signal && { signal }) })
    const known = LISTING_PATHS.find(([by]) => by === this.#interface)
    for (const [by, path] of known ? [known, ...LISTING_PATHS] : LISTING_PATHS) {
      const models = readListing(by, await listed(path))
      // Many servers list models in OpenAI's way.
      const isUnsure = by === 'openai' && this.#interface !== by
      if (!models || (isUnsure && recordOf(await listed('/lmstudio-greeting'))['lmstudio'] !== true)) continue
      this.#interface = by
      return models
    }
    this.#interface = undefined
    const message = `What answers at ${this.baseUrl} does not list models as LM Studio does. Correct the address of LM Studio in the configuration.`
    throw resourceError('engine-refused', message)
  }

  /** Rejects with `engine-unreachable`, with what it refuses, whatever the status, and with `request-cancelled`. */
  async ask({ path, body, task, key, deadlineMs, signal }: Question): Promise<unknown> {
    const deadline = new AbortController()
    const timer = this.#clock.setTimer(deadlineMs, () => deadline.abort())
    try {
      return await this.upstream.http.json({
        url: this.baseUrl + path,
        signal: signal ? AbortSignal.any([signal, deadline.signal]) : deadline.signal,
        maxTries: 1,
        ...(body !== undefined && { body }),
      })
    } catch (error) {
      if (!(error instanceof ResourceError)) throw error
      if (deadline.signal.aborted && !signal?.aborted) throw this.#silent()
      if (error.reason !== 'engine-unreachable' && error.reason !== 'engine-lost')
        throw lmStudioFailure(error, task, key)
      this.#interface = undefined
      throw this.#away(error)
    } finally {
      timer.cancel()
    }
  }

  async close(): Promise<void> {
    await this.upstream.close()
  }

  /** The reply; `undefined` = it has no such path, whatever it says to that. */
  async #listed(question: Pick<Question, 'path' | 'deadlineMs' | 'signal'>): Promise<unknown> {
    try {
      return await this.ask({ ...question, task: 'list', key: '' })
    } catch (error) {
      if (!(error instanceof ResourceError)) throw error
      const status = error.details?.['status']
      if (typeof status !== 'number' || status === 401 || status === 403) throw error
      return undefined
    }
  }

  #silent(): ResourceError {
    const message = `LM Studio gave no answer at ${this.baseUrl} in time. Look at the application, or restart it.`
    return resourceError('engine-unreachable', message, { details: { hasTimedOut: true } })
  }

  #away(cause: ResourceError): ResourceError {
    const message = `LM Studio does not answer at ${this.baseUrl}. Start its server (in the application, or with \`lms server start\`), or correct the address in the configuration.`
    return resourceError('engine-unreachable', message, { cause })
  }
}

/** A further instance of a model is `key:2`, and answers may carry its key alone. Keys are compared without case. */
export function isSameModel(asked: string, answering: string): boolean {
  return keyOf(asked) === keyOf(answering)
}

function keyOf(instanceId: string): string {
  return instanceId.toLowerCase().replace(/:\d+$/, '')
}
