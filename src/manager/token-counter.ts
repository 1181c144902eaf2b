import type { GenerateRequest } from '../spec/chat.ts'
import type { ErrorReason } from '../spec/error-reason.ts'
import { toErrorData } from '../spec/errors.ts'
import type { ModelDefinition } from '../spec/model.ts'
import type { Provider } from '../spec/provider.ts'
import type { CountedPrompt, TokenCount } from '../spec/token-count.ts'
import { withSystem } from './request-defaults.ts'
import { TokenEstimate } from './token-estimate.ts'

/** Without an engine that counts, a count is estimated; whatever else is wrong is an error. */
const UNCOUNTED: ReadonlySet<ErrorReason> = new Set([
  'engine-missing',
  'counting-unsupported',
  'engine-unreachable',
  'engine-lost',
  'engine-stuck',
  'engine-error',
  'architecture-unsupported',
  'model-load-failed',
  'out-of-memory',
])

/** The one counter of the product: what the engine counts, else an estimate that says so. */
export class TokenCounter {
  readonly #estimate = new TokenEstimate()
  readonly #onFault: (error: unknown) => void

  /** @param onFault told why something had to be estimated. */
  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault
  }

  async count(
    provider: Provider,
    definition: ModelDefinition,
    { messages, ...options }: CountedPrompt,
    signal: AbortSignal,
  ): Promise<TokenCount> {
    const sent = withSystem(messages, definition.defaults)
    try {
      return { tokens: await provider.countTokens(definition, sent, signal, options), source: 'exact' }
    } catch (error) {
      if (!UNCOUNTED.has(toErrorData(error).reason)) throw error
      this.#onFault(error)
      return { tokens: this.#estimate.tokensOf(definition.id, sent, options), source: 'estimated' }
    }
  }

  /** An engine counted a prompt: the next estimate is better. */
  note({ id }: ModelDefinition, { messages, completion, tools }: GenerateRequest, promptTokens: number): void {
    // What else stands in a prompt would be counted as the messages'.
    if (!completion && !tools) this.#estimate.note(id, messages, promptTokens)
  }
}
