import type { GenerateRequest } from '../../spec/chat.ts'
import type { Clock } from '../../spec/clock.ts'
import { type ResourceError, resourceError } from '../../spec/errors.ts'
import type { CountedPrompt } from '../../spec/token-count.ts'
import type { HttpProxies } from '../../system/http-source.ts'
import { LLAMA_SERVER, PLAIN_OPENAI } from '../openai/dialect.ts'
import { EngineHttp } from '../openai/engine-http.ts'
import { OpenAiUpstream } from '../openai/open-ai-upstream.ts'
import { countPrompt, promptTokens, textTokens } from './count-prompt.ts'
import { findFeatures, listedContextTokens, type ServerFeatures, UNKNOWN_FEATURES } from './server-features.ts'
import type { ServerPlan } from './server-plan.ts'

/** Silence of an answer after which a llama-server is asked whether it lives: it sends a ping every 3 s, ms. */
const PINGING_SILENCE_MS = 30_000
/** The same of servers that may read a prompt for minutes without a word, ms. */
const QUIET_SILENCE_MS = 300_000
/** How long the answer may take to the question whether it lives, ms. */
const HEALTH_DEADLINE_MS = 10_000

export interface ServerConnectionOptions {
  readonly clock: Clock
  readonly plan: ServerPlan
  /** With the version, without a slash at the end. */
  readonly baseUrl: string
  /** What answers with a good status while it lives. */
  readonly healthUrl: string
  readonly headers?: Readonly<Record<string, string>>
  readonly proxies?: HttpProxies | undefined
  /** Default 10 s. */
  readonly healthDeadlineMs?: number | undefined
  /** See `OpenAiUpstreamOptions`. */
  readonly onBrokenOff?: (error: ResourceError) => Promise<ResourceError>
}

/** A server that is ready, what it can do, and how it is talked to. */
export class ServerConnection {
  readonly upstream: OpenAiUpstream
  readonly features: ServerFeatures
  /** Without the version. */
  readonly rootUrl: string

  private constructor(options: ServerConnectionOptions, features: ServerFeatures) {
    const { clock, plan, baseUrl, healthUrl, proxies, healthDeadlineMs = HEALTH_DEADLINE_MS, onBrokenOff } = options
    this.features = features
    this.rootUrl = rootOf(baseUrl)
    const silenceMs = features.isLlamaServer ? PINGING_SILENCE_MS : QUIET_SILENCE_MS
    this.upstream = new OpenAiUpstream({
      baseUrl,
      engine: plan.title,
      clock,
      headers: headersOf(options),
      dialect: features.isLlamaServer || plan.engine === 'llama-server' ? LLAMA_SERVER : PLAIN_OPENAI,
      mostSilentMs: plan.stuckAfterMs ?? silenceMs,
      // Any reply shows life, a refusal as well as any other.
      isAlive: async () => (await this.upstream.http.status(healthUrl, healthDeadlineMs, NEVER)) !== undefined,
      ...(proxies !== undefined && { proxies }),
      ...(onBrokenOff !== undefined && { onBrokenOff }),
    })
  }

  /** Looks at a server that is ready. */
  static async open(options: ServerConnectionOptions, signal: AbortSignal): Promise<ServerConnection> {
    const { clock, plan, baseUrl, proxies } = options
    const asked = { engine: plan.title, clock, headers: headersOf(options), ...(proxies !== undefined && { proxies }) }
    const http = new EngineHttp(asked)
    try {
      const found = plan.engine === 'other' ? UNKNOWN_FEATURES : await findFeatures(http, rootOf(baseUrl), signal)
      const contextTokens = found.contextTokens ?? (await listedContextTokens(http, baseUrl, plan.model, signal))
      return new ServerConnection(options, { ...found, contextTokens })
    } finally {
      await http.close()
    }
  }

  async countTokens(prompt: CountedPrompt, signal: AbortSignal): Promise<number> {
    if (this.features.canCountTokens) return countPrompt(this.upstream.http, this.rootUrl, prompt, signal)
    throw resourceError('counting-unsupported', 'This server does not count tokens without answering.')
  }

  /** The prompt of a request, as the server makes it. Rejects like {@link countTokens}. */
  async promptTokens(request: GenerateRequest, signal: AbortSignal): Promise<readonly unknown[]> {
    const { http } = this.upstream
    const { completion } = request
    if (completion) return textTokens(http, this.rootUrl, completion.prompt, signal)
    return promptTokens(http, this.rootUrl, request, signal)
  }

  /** Ends every request that goes on. */
  async close(): Promise<void> {
    await this.upstream.close()
  }
}

const NEVER = new AbortController().signal

export function headersOf({
  plan,
  headers,
}: Pick<ServerConnectionOptions, 'plan' | 'headers'>): Record<string, string> {
  return { ...headers, ...(plan.key !== undefined && { authorization: `Bearer ${plan.key}` }) }
}

export function isGood(status: number | undefined): boolean {
  return status !== undefined && status >= 200 && status < 300
}

/** llama-server's own places lie beside the version, not below it. */
function rootOf(baseUrl: string): string {
  return baseUrl.replace(/\/v\d+$/, '')
}
