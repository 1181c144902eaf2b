import type { AnswerPart, FinishReason, GenerateChunk, TokenLogprob } from '../../spec/chat.ts'
import { resourceError } from '../../spec/errors.ts'
import { asRecord, asRecords, asText, type JsonRecord } from '../../spec/json-narrowing.ts'
import { readLogprobs } from './read-logprobs.ts'
import { readFigures, type ToldFigures, usageOf } from './read-usage.ts'
import { ToolCallAssembly } from './tool-call-assembly.ts'

export interface AnswerReaderOptions {
  /** Alternatives told with each token; absent = no log probabilities were asked for. */
  readonly topLogprobs?: number | undefined
  /** An answer without a call of a tool is none. Default false. */
  readonly mustCall?: boolean
  readonly nowMs: () => number
}

/**
 * Makes an answer's parts of the events of `/chat/completions` and `/completions`; a reply that came whole (`message`
 * instead of `delta`) reads the same.
 */
export class AnswerReader {
  readonly #options: AnswerReaderOptions
  readonly #calls = new ToolCallAssembly()
  readonly #askedAtMs: number
  #firstPartAtMs: number | undefined
  #figures: ToldFigures = {}
  #finishReason: string | undefined
  /** Of tokens whose text has not come yet: pieces of one character are told together. */
  #waitingLogprobs: TokenLogprob[] = []
  #model: string | undefined

  constructor(options: AnswerReaderOptions) {
    this.#options = options
    this.#askedAtMs = options.nowMs()
  }

  /** The model that answers, as it calls itself; `undefined` = it has not said. */
  get model(): string | undefined {
    return this.#model
  }

  /** Has it said why the answer ends? */
  get isComplete(): boolean {
    return this.#finishReason !== undefined
  }

  read(event: JsonRecord): AnswerPart[] {
    this.#model ??= asText(event['model'])
    this.#figures = { ...this.#figures, ...readFigures(event) }
    // One answer is asked for, so there is one choice; the event with the usage has none.
    const [choice] = asRecords(event['choices'])
    const parts = choice ? this.#readChoice(choice) : []
    if (parts.length > 0) this.#firstPartAtMs ??= this.#options.nowMs()
    return parts
  }

  /**
   * What is left when the stream is over: calls that are whole now, and the end.
   * Throws `engine-lost` when the engine has not said why the answer ends: then it is not whole, and `tools-unsupported`
   * when it ended without the call that was required.
   */
  finish(): GenerateChunk[] {
    if (this.#finishReason === undefined) {
      throw resourceError('engine-lost', 'The engine broke off its answer. Send the request again.')
    }
    const calls = this.#calls.finish()
    if (this.#options.mustCall && !this.#calls.hasCalls && this.#finishReason !== 'length') {
      const message =
        'The engine was told to call a tool, and answered without a call. Use a model whose template has tools.'
      throw resourceError('tools-unsupported', message)
    }
    const endedAtMs = this.#options.nowMs()
    const firstPartAtMs = this.#firstPartAtMs ?? endedAtMs
    const { prefillMs, decodeMs } = this.#figures
    return [
      ...this.#textPart('', []),
      ...calls.map((call) => ({ type: 'toolCall', call }) as const),
      {
        type: 'end',
        finishReason: finishReasonOf(this.#finishReason, this.#calls.hasCalls),
        usage: usageOf(this.#figures),
        // Measured here, the way there and back among it, where the engine does not tell its own.
        prefillMs: prefillMs ?? firstPartAtMs - this.#askedAtMs,
        decodeMs: decodeMs ?? endedAtMs - firstPartAtMs,
      },
    ]
  }

  #readChoice(choice: JsonRecord): AnswerPart[] {
    const delta = asRecord(choice['delta']) ?? asRecord(choice['message'])
    const reasoning = asText(delta?.['reasoning_content']) ?? asText(delta?.['reasoning']) ?? ''
    const text = asText(delta?.['content']) ?? asText(choice['text']) ?? ''
    const { topLogprobs } = this.#options
    const logprobs = topLogprobs === undefined ? [] : readLogprobs(choice['logprobs'], topLogprobs)
    this.#finishReason ??= asText(choice['finish_reason'])
    return [
      ...(reasoning === '' ? [] : [{ type: 'reasoning', text: reasoning } as const]),
      ...this.#textPart(text, logprobs),
      ...this.#calls.add(delta?.['tool_calls']).map((call) => ({ type: 'toolCall', call }) as const),
    ]
  }

  #textPart(text: string, logprobs: readonly TokenLogprob[]): AnswerPart[] {
    this.#waitingLogprobs.push(...logprobs)
    const isOver = this.#finishReason !== undefined && this.#waitingLogprobs.length > 0
    if (text === '' && !isOver) return []
    const told = this.#waitingLogprobs
    this.#waitingLogprobs = []
    return [{ type: 'text', text, ...(told.length > 0 && { logprobs: told }) }]
  }
}

/** Some engines end an answer with calls as if it were text; what filters of contents cut off is over, too. */
function finishReasonOf(told: string, hasCalls: boolean): FinishReason {
  if (told === 'length') return 'length'
  return hasCalls ? 'toolCalls' : 'stop'
}
