import type { ChatMessage } from '../spec/chat.ts'
import type { ModelId } from '../spec/model.ts'
import type { PromptOptions } from '../spec/token-count.ts'

/** Bytes a token stands for before anything was measured: common vocabularies on English text have about four. */
const FIRST_BYTES_PER_TOKEN = 4
/** Tokens that a template puts around a message. */
const TOKENS_PER_MESSAGE = 4
/** Weight of the newest measurement. */
const NEWEST_WEIGHT = 0.2

/**
 * Estimates token counts where no tokenizer can be had, by the bytes that a token stood for in real prompts of that
 * model. Learned from what engines counted; nothing here is exact, and whoever uses it says so.
 */
export class TokenEstimate {
  readonly #bytesPerToken = new Map<ModelId, number>()

  /** An engine counted a prompt. */
  note(modelId: ModelId, messages: readonly ChatMessage[], promptTokens: number): void {
    const contentTokens = promptTokens - messages.length * TOKENS_PER_MESSAGE
    const bytes = bytesOf(messages)
    if (contentTokens <= 0 || bytes === 0) return
    const before = this.#bytesPerToken.get(modelId)
    const measured = bytes / contentTokens
    const next = before === undefined ? measured : before * (1 - NEWEST_WEIGHT) + measured * NEWEST_WEIGHT
    this.#bytesPerToken.set(modelId, next)
  }

  tokensOf(modelId: ModelId, messages: readonly ChatMessage[], options: PromptOptions = {}): number {
    const bytesPerToken = this.#bytesPerToken.get(modelId) ?? FIRST_BYTES_PER_TOKEN
    return Math.ceil((bytesOf(messages) + toolBytesOf(options)) / bytesPerToken) + messages.length * TOKENS_PER_MESSAGE
  }
}

/** What the messages themselves bring into a prompt. */
export function bytesOf(messages: readonly ChatMessage[]): number {
  return messages.reduce((sumBytes, { content, toolCalls = [] }) => {
    const calls = toolCalls.map(({ name, arguments: text }) => name + text).join('')
    return sumBytes + Buffer.byteLength(content) + Buffer.byteLength(calls)
  }, 0)
}

/** Templates show tools as JSON, most of them in OpenAI's form, whose frame is about as long as our own. */
function toolBytesOf({ tools = [], toolChoice }: PromptOptions): number {
  return toolChoice === 'none'
    ? 0
    : tools.reduce((sumBytes, tool) => sumBytes + Buffer.byteLength(JSON.stringify(tool)), 0)
}
