import type { LlamaModel, Token } from 'node-llama-cpp'
import type { AnswerPart, TokenLogprob } from '../../../spec/chat.ts'
import type { AnswerPlan } from './answer-plan.ts'
import { AnswerReader, type ReadText } from './answer-reader.ts'
import { StopStrings } from './stop-strings.ts'
import { TextStream } from './text-stream.ts'
import type { GeneratedToken } from './token-source.ts'
import { newCallId } from './tools/call-ids.ts'
import { readCalls } from './tools/read-calls.ts'

export interface AnswerWriterOptions {
  readonly model: LlamaModel
  readonly plan: Pick<AnswerPlan, 'marks' | 'calls'>
  readonly stop: readonly string[]
  readonly send: (part: AnswerPart) => void
}

/** Tokens in, parts of an answer out: whole characters, no stop strings, reasoning and calls told apart from text. */
export class AnswerWriter {
  readonly #options: AnswerWriterOptions
  readonly #text: TextStream<Token>
  readonly #stops: StopStrings
  readonly #reader: AnswerReader
  /** Of tokens whose text has not been sent yet. */
  #logprobs: TokenLogprob[] = []
  #reasoningTokens = 0
  #stoppedBy: string | undefined

  constructor(options: AnswerWriterOptions) {
    const { model, plan, stop } = options
    this.#options = options
    const marks = markTokens(model, plan)
    this.#text = new TextStream((tokens, before) =>
      model.detokenize(
        tokens,
        tokens.some((token) => marks.has(token)),
        before,
      ),
    )
    this.#stops = new StopStrings(stop)
    this.#reader = new AnswerReader(plan.marks)
  }

  get reasoningTokens(): number {
    return this.#reasoningTokens
  }

  /** The stop string that was reached. */
  get stoppedBy(): string | undefined {
    return this.#stoppedBy
  }

  /** Returns true when a stop string was reached. */
  push({ token, logprob }: GeneratedToken): boolean {
    if (logprob) this.#logprobs.push(logprob)
    if (this.#reader.isReasoning) this.#reasoningTokens += 1
    const { text, reached } = this.#stops.push(this.#text.push(token))
    this.#send(this.#reader.push(text))
    this.#stoppedBy = reached
    return reached !== undefined
  }

  /** The answer is over: sends what is left, which may reach a stop string, too. Returns whether it calls tools. */
  end(): { readonly hasCalls: boolean } {
    const { text, reached } = this.#stops.push(this.#text.rest())
    this.#stoppedBy ??= reached
    this.#send(this.#reader.push(reached === undefined ? text + this.#stops.rest() : text))
    const { read, calls } = this.#reader.end()
    this.#send(read)
    return { hasCalls: calls !== undefined && this.#sendCalls(calls) }
  }

  /** What was no call after all, or is cut, is text: nothing of it may be lost. */
  #sendCalls(written: string): boolean {
    const { plan, send } = this.#options
    const calls = plan.calls && readCalls(written, plan.calls.syntax, plan.calls.toolNames)
    if (!calls) {
      this.#send([{ type: 'text', text: written }])
      return false
    }
    for (const { name, arguments: text } of calls) {
      send({ type: 'toolCall', call: { id: newCallId(), name, arguments: text } })
    }
    return true
  }

  #send(read: readonly ReadText[]): void {
    for (const { type, text } of read) {
      if (type === 'reasoning') this.#options.send({ type, text })
      else this.#options.send({ type, text, ...(this.#logprobs.length > 0 && { logprobs: this.#logprobs }) })
      this.#logprobs = []
    }
  }
}

/** Control tokens that marks are made of. The engine writes no others as text. */
function markTokens(model: LlamaModel, { marks, calls }: Pick<AnswerPlan, 'marks' | 'calls'>): ReadonlySet<Token> {
  const { reasoning } = marks
  const texts = [
    ...(reasoning ? [reasoning.open, reasoning.close, reasoning.answerMark] : []),
    ...(calls ? [calls.syntax.opening, calls.syntax.afterName, calls.syntax.closing] : []),
    ...(calls ? [calls.syntax.between, calls.syntax.ending] : []),
  ].filter((text) => text !== undefined)
  const tokens = texts.flatMap((text) => model.tokenize(text, true))
  return new Set(tokens.filter((token) => model.isSpecialToken(token)))
}
