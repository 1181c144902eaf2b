import type { GenerateRequest } from '../spec/chat.ts'
import type { ErrorReason } from '../spec/error-reason.ts'
import { type ResourceError, toErrorData } from '../spec/errors.ts'
import type { ModelDefinition, Platform } from '../spec/model.ts'
import { promptTooLong } from '../spec/prompt-too-long.ts'
import type { Provider } from '../spec/provider.ts'
import type { CountedPrompt, TokenCount } from '../spec/token-count.ts'
import { withSystem } from './request-defaults.ts'
import { bytesOf, TokenEstimate } from './token-estimate.ts'

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

/** Below that many bytes a token of its window a prompt is not counted before its model is loaded. */
const LEAST_BYTES_A_TOKEN = 2

/** The one counter of the product: what the engine counts, else an estimate that says so. */
export class TokenCounter {
  readonly #estimate = new TokenEstimate()
  readonly #providerOf: (platform: Platform) => Provider
  readonly #onFault: (error: unknown) => void

  /** @param onFault told why something had to be estimated. */
  constructor(providerOf: (platform: Platform) => Provider, onFault: (error: unknown) => void) {
    this.#providerOf = providerOf
    this.#onFault = onFault
  }

  async count(definition: ModelDefinition, prompt: CountedPrompt, signal: AbortSignal): Promise<TokenCount> {
    try {
      return { tokens: await this.#exactly(definition, prompt, signal), source: 'exact' }
    } catch (error) {
      if (!UNCOUNTED.has(toErrorData(error).reason)) throw error
      this.#onFault(error)
      const { messages, ...options } = prompt
      const sent = withSystem(messages, definition.defaults)
      return { tokens: this.#estimate.tokensOf(definition.id, sent, options), source: 'estimated' }
    }
  }

  /**
   * A prompt that is too long, found out before its model is loaded for it: only where the engine counts without weights, and
   * only where the bytes leave it open (text of most languages has two to five bytes a token). `undefined` = it fits, or
   * that is for the engine to say.
   */
  async refusal(
    definition: ModelDefinition,
    { messages, completion, tools, toolChoice, thinking }: GenerateRequest,
    signal: AbortSignal,
  ): Promise<ResourceError | undefined> {
    const { platform, contextTokens } = definition
    if (platform !== 'local' || completion || bytesOf(messages) < contextTokens * LEAST_BYTES_A_TOKEN) return undefined
    const prompt = {
      messages,
      ...(tools && { tools }),
      ...(toolChoice && { toolChoice }),
      ...(thinking !== undefined && { thinking }),
    }
    try {
      return promptTooLong(await this.#exactly(definition, prompt, signal), contextTokens)
    } catch (error) {
      // Whatever is wrong with it besides, its engine says in better words.
      this.#onFault(error)
      return undefined
    }
  }

  /** An engine counted a prompt: the next estimate is better. */
  note({ id }: ModelDefinition, { messages, completion, tools }: GenerateRequest, promptTokens: number): void {
    // What else stands in a prompt would be counted as the messages'.
    if (!completion && !tools) this.#estimate.note(id, messages, promptTokens)
  }

  #exactly(definition: ModelDefinition, { messages, ...options }: CountedPrompt, signal: AbortSignal): Promise<number> {
    const { platform, defaults } = definition
    return this.#providerOf(platform).countTokens(definition, withSystem(messages, defaults), signal, options)
  }
}
