import type { InferReceipt } from '../../spec/admin.ts'
import type { AnswerPart } from '../../spec/chat.ts'
import type { ResourceError } from '../../spec/errors.ts'
import type { AnswerWriter, EndOfAnswer } from '../answer/answer-writer.ts'
import { encodeReceipt } from '../answer/receipt.ts'
import { EVENT_STREAM } from '../stream-body.ts'
import { AnswerHead, encodeUsage, FINISH_REASONS } from './answer-head.ts'
import { openAiError } from './encode-error.ts'
import { relayedEnd } from './relayed-end.ts'

/** How one of OpenAI's two kinds of completion says what both have to say. */
export interface CompletionForm {
  readonly idPrefix: string
  /** Type of a whole answer. */
  readonly object: string
  /** Type of a piece of a stream. */
  readonly pieceObject: string
  /** The choice of a whole answer, without index and reason. */
  wholeChoice(parts: readonly AnswerPart[]): object
  /** The choice that a stream begins with; `undefined` = it has none. */
  beginChoice(): object | undefined
  partChoice(part: AnswerPart): object
  /** The choice that says why the answer ended. */
  endChoice(): object
}

/** Chat and text completions: `data:` events of whole objects, the word `[DONE]` last. */
export class CompletionWriter implements AnswerWriter {
  readonly contentType: string = EVENT_STREAM
  readonly idle = ': waiting\n\n'
  readonly #form: CompletionForm
  readonly #includeUsage: boolean
  readonly #head: AnswerHead
  #model = ''

  /** @param includeUsage `stream_options.include_usage` */
  constructor(form: CompletionForm, includeUsage: boolean) {
    this.#form = form
    this.#includeUsage = includeUsage
    this.#head = new AnswerHead(form.idPrefix)
  }

  whole(parts: readonly AnswerPart[], end: EndOfAnswer): object {
    const reason = { finish_reason: FINISH_REASONS[end.finishReason] }
    return {
      ...this.#head.of(this.#form.object, end.receipt.modelId),
      choices: [{ index: 0, ...this.#form.wholeChoice(parts), ...reason }],
      usage: encodeUsage(end),
    }
  }

  begin({ modelId }: InferReceipt): string {
    this.#model = modelId
    const choice = this.#form.beginChoice()
    return choice ? this.#piece(choice) : ''
  }

  part(part: AnswerPart): string {
    return this.#piece(this.#form.partChoice(part))
  }

  /** grym's receipt stands in the piece with the reason: it is known only now. */
  end(end: EndOfAnswer): string {
    const head = this.#head.of(this.#form.pieceObject, this.#model)
    const choice = { index: 0, ...this.#form.endChoice(), finish_reason: FINISH_REASONS[end.finishReason] }
    const last = event({ ...head, choices: [choice], grym: encodeReceipt(end) })
    const usage = this.#includeUsage ? event({ ...head, choices: [], usage: encodeUsage(end) }) : ''
    return `${last}${usage}data: [DONE]\n\n`
  }

  relayedEnd(last: Uint8Array, end: EndOfAnswer): Uint8Array {
    return relayedEnd(last, end)
  }

  /** An error event, and no `[DONE]`. */
  failure(error: ResourceError, id: string): string {
    return event(openAiError(error, id))
  }

  #piece(choice: object): string {
    const head = this.#head.of(this.#form.pieceObject, this.#model)
    return event({ ...head, choices: [{ index: 0, ...choice, finish_reason: null }] })
  }
}

function event(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`
}
