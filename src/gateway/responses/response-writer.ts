import type { InferReceipt } from '../../spec/admin.ts'
import type { AnswerPart } from '../../spec/chat.ts'
import type { ResourceError } from '../../spec/errors.ts'
import type { AnswerWriter, EndOfAnswer } from '../answer/answer-writer.ts'
import { openAiError } from '../openai/encode-error.ts'
import { EVENT_STREAM } from '../stream-body.ts'
import type { ResponseRequest } from './decode-response.ts'
import { encodeResponse, type ResponseState } from './encode-response.ts'
import { OutputItems, type ResponseEvent } from './output-items.ts'

export interface ResponseWriterOptions {
  readonly id: string
  readonly asked: ResponseRequest
  /**
   * Keeps the response before anybody hears that it is complete, so that it can be continued at once. Returns whether it
   * is kept. Absent = it is not to be.
   */
  readonly keep?: (response: object, receipt: InferReceipt) => boolean
}

/** Responses: events by name, each with its data and a rising number; the last one carries the whole response. */
export class ResponseWriter implements AnswerWriter {
  readonly contentType: string = EVENT_STREAM
  readonly idle = ': waiting\n\n'
  readonly #options: ResponseWriterOptions
  readonly #createdS = Math.floor(Date.now() / 1_000)
  readonly #output: OutputItems
  #events = 0
  /** Empty = the answer has not begun. */
  #model = ''

  constructor(options: ResponseWriterOptions) {
    this.#options = options
    this.#output = new OutputItems(options.id)
  }

  whole(parts: readonly AnswerPart[], end: EndOfAnswer): object {
    this.#model = end.receipt.modelId
    for (const part of parts) this.#output.add(part)
    this.#output.end(endStatus(end))
    return this.#final(end)
  }

  begin({ modelId }: InferReceipt): string {
    this.#model = modelId
    const response = this.#encode({ status: 'in_progress', isStored: this.#options.keep !== undefined })
    return this.#write([
      { type: 'response.created', response },
      { type: 'response.in_progress', response },
    ])
  }

  part(part: AnswerPart): string {
    return this.#write(this.#output.add(part))
  }

  end(end: EndOfAnswer): string {
    const status = endStatus(end)
    const last = this.#output.end(status)
    return this.#write([...last, { type: `response.${status}`, response: this.#final(end) }])
  }

  /** A response that failed is not kept. Before its first event there is none: then the error stands alone. */
  failure(known: ResourceError, id: string): string {
    const { error } = openAiError(known, id)
    const { message, code, param } = error
    // Flat as the API describes it, and nested as its own servers and clients have it.
    if (this.#model === '') return this.#write([{ type: 'error', message, code, param, error }])
    // Of the API's codes this is the one for a fault on this side of the line; grym's own reason stands beside it.
    const told = { ...error, code: 'server_error' }
    return this.#write([
      { type: 'response.failed', response: this.#encode({ status: 'failed', isStored: false, error: told }) },
    ])
  }

  #final(end: EndOfAnswer): object {
    const status = endStatus(end)
    const { keep } = this.#options
    const kept = this.#encode({ status, isStored: true, end })
    if (keep?.(kept, end.receipt)) return kept
    return { ...kept, store: false }
  }

  #encode(state: Pick<ResponseState, 'status' | 'isStored' | 'end' | 'error'>): object {
    const { id, asked } = this.#options
    const output = this.#output.items(state.status === 'in_progress' ? 'in_progress' : 'incomplete')
    return encodeResponse({ id, createdS: this.#createdS, model: this.#model, output, ...state }, asked)
  }

  #write(events: readonly ResponseEvent[]): string {
    return events
      .map(({ type, ...fields }) => {
        const data = JSON.stringify({ type, sequence_number: this.#events++, ...fields })
        return `event: ${type}\ndata: ${data}\n\n`
      })
      .join('')
  }
}

function endStatus({ finishReason }: EndOfAnswer): 'completed' | 'incomplete' {
  return finishReason === 'length' ? 'incomplete' : 'completed'
}
