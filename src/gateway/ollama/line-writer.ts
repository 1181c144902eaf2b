import type { AnswerPart } from '../../spec/chat.ts'
import type { ResourceError } from '../../spec/errors.ts'
import type { AnswerWriter, EndOfAnswer } from '../answer/answer-writer.ts'
import { encodeReceipt } from '../answer/receipt.ts'
import type { AnswerForm } from './answer-form.ts'
import { durationNs, withoutZeros } from './duration-ns.ts'
import { ollamaError } from './encode-error.ts'
import { NDJSON } from './ndjson.ts'

/** Chat and generate of Ollama's API: one object a line, the last one `done` with its counts and times. */
export class LineWriter implements AnswerWriter {
  readonly contentType: string = NDJSON
  /** No object stands for waiting, and clients take what they do not know for an answer. */
  readonly idle = ''
  readonly #form: AnswerForm
  readonly #askedName: string | undefined
  readonly #startedAtMs: number = performance.now()
  #model = ''

  /** @param askedName by which the client asked: answers call the model so; `undefined` = by its id. */
  constructor(form: AnswerForm, askedName: string | undefined) {
    this.#form = form
    this.#askedName = askedName
  }

  whole(parts: readonly AnswerPart[], end: EndOfAnswer): object {
    return this.#last(parts, end)
  }

  begin({ modelId }: EndOfAnswer['receipt']): string {
    this.#model = modelId
    return ''
  }

  part(part: AnswerPart): string {
    return line({ ...this.#head(this.#model), ...this.#form.fieldsOf([part]), done: false })
  }

  end(end: EndOfAnswer): string {
    return line(this.#last([], end))
  }

  failure(error: ResourceError, id: string): string {
    return line(ollamaError(error, id))
  }

  #last(parts: readonly AnswerPart[], end: EndOfAnswer): object {
    const { receipt, usage, finishReason, prefillMs, decodeMs } = end
    return {
      ...this.#head(receipt.modelId),
      ...this.#form.fieldsOf(parts),
      done: true,
      // Calls of tools are no reason of their own there.
      done_reason: finishReason === 'length' ? 'length' : 'stop',
      ...withoutZeros({
        total_duration: durationNs(performance.now() - this.#startedAtMs),
        // Waiting for its turn is a part of loading there, too.
        load_duration: durationNs(receipt.queueWaitMs + receipt.loadMs),
        prompt_eval_count: usage.promptTokens,
        prompt_eval_duration: durationNs(prefillMs ?? 0),
        eval_count: usage.generatedTokens,
        eval_duration: durationNs(decodeMs ?? 0),
      }),
      grym: encodeReceipt(end),
    }
  }

  #head(modelId: string): object {
    return { model: this.#askedName ?? modelId, created_at: new Date().toISOString() }
  }
}

function line(object: object): string {
  return `${JSON.stringify(object)}\n`
}
