import type { AnswerPart, TokenLogprob, ToolCall, WeighedToken } from '../../spec/chat.ts'
import { itemId } from './response-ids.ts'

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete'

/** An event of a stream, without its number. */
export interface ResponseEvent {
  readonly type: string
  readonly [field: string]: unknown
}

/** An item whose text still grows. */
interface OpenItem {
  readonly type: 'message' | 'reasoning'
  text: string
  readonly logprobs: TokenLogprob[]
}

/**
 * The items of one answer, in the order in which the model gave them. Each change is told as the events by which a stream
 * has it, in their order: https://platform.openai.com/docs/api-reference/responses-streaming
 */
export class OutputItems {
  readonly #responseId: string
  readonly #done: object[] = []
  #open: OpenItem | undefined

  constructor(responseId: string) {
    this.#responseId = responseId
  }

  /** As they are now; the one that grows has this status. */
  items(status: ItemStatus): readonly object[] {
    return this.#open ? [...this.#done, this.#encode(this.#open, status)] : this.#done
  }

  add(part: AnswerPart): ResponseEvent[] {
    if (part.type === 'toolCall') return [...this.close('completed'), ...this.#addCall(part.call)]
    const type = part.type === 'text' ? 'message' : 'reasoning'
    const opened = this.#open?.type === type ? [] : [...this.close('completed'), ...this.#begin(type)]
    return [...opened, ...this.#grow(part)]
  }

  /** No part comes any more. An answer that said nothing is a message without text. */
  end(status: ItemStatus): ResponseEvent[] {
    const opened = this.#done.length === 0 && !this.#open ? this.#begin('message') : []
    return [...opened, ...this.close(status)]
  }

  /** The item that grew is whole. */
  close(status: ItemStatus): ResponseEvent[] {
    if (!this.#open) return []
    const { type, text, logprobs } = this.#open
    const place = this.#place(type)
    const item = this.#encode(this.#open, status)
    const whole: ResponseEvent =
      type === 'message'
        ? { type: 'response.output_text.done', ...place, text, logprobs: logprobs.map(encodeStreamed) }
        : { type: 'response.reasoning_text.done', ...place, text }
    const part = encodePart(type, text, logprobs)
    const output_index = this.#done.length
    this.#open = undefined
    this.#done.push(item)
    return [
      whole,
      { type: 'response.content_part.done', ...place, part },
      { type: 'response.output_item.done', output_index, item },
    ]
  }

  #begin(type: OpenItem['type']): ResponseEvent[] {
    this.#open = { type, text: '', logprobs: [] }
    const item = { ...this.#encode(this.#open, 'in_progress'), content: [] }
    return [
      { type: 'response.output_item.added', output_index: this.#done.length, item },
      { type: 'response.content_part.added', ...this.#place(type), part: encodePart(type, '', []) },
    ]
  }

  #grow(part: Exclude<AnswerPart, { readonly type: 'toolCall' }>): ResponseEvent[] {
    const open = this.#open
    if (!open || part.text === '') return []
    open.text += part.text
    const place = this.#place(open.type)
    if (part.type === 'reasoning') return [{ type: 'response.reasoning_text.delta', ...place, delta: part.text }]
    const logprobs = part.logprobs ?? []
    open.logprobs.push(...logprobs)
    return [{ type: 'response.output_text.delta', ...place, delta: part.text, logprobs: logprobs.map(encodeStreamed) }]
  }

  /** A call comes whole: its arguments are one piece. */
  #addCall({ id: call_id, name, arguments: text }: ToolCall): ResponseEvent[] {
    const output_index = this.#done.length
    const id = this.#idOf('function_call')
    const call = (status: ItemStatus, said: string): object => ({
      ...{ id, type: 'function_call', status },
      ...{ call_id, name, arguments: said },
    })
    const item = call('completed', text)
    this.#done.push(item)
    const place = { item_id: id, output_index }
    return [
      { type: 'response.output_item.added', output_index, item: call('in_progress', '') },
      { type: 'response.function_call_arguments.delta', ...place, delta: text },
      { type: 'response.function_call_arguments.done', ...place, name, arguments: text },
      { type: 'response.output_item.done', output_index, item },
    ]
  }

  #encode({ type, text, logprobs }: OpenItem, status: ItemStatus): object {
    const content = [encodePart(type, text, logprobs)]
    const head = { id: this.#idOf(type), type, status }
    return type === 'message' ? { ...head, role: 'assistant', content } : { ...head, summary: [], content }
  }

  #place(type: string): object {
    return { item_id: this.#idOf(type), output_index: this.#done.length, content_index: 0 }
  }

  /** Of the item that comes next after those that are done. */
  #idOf(type: string): string {
    return itemId(this.#responseId, type, String(this.#done.length))
  }
}

function encodePart(type: OpenItem['type'], text: string, logprobs: readonly TokenLogprob[]): object {
  if (type === 'reasoning') return { type: 'reasoning_text', text }
  return { type: 'output_text', text, annotations: [], logprobs: logprobs.map(encodeWhole) }
}

function encodeWhole({ top, ...token }: TokenLogprob): object {
  return { ...encodeToken(token), top_logprobs: top.map(encodeToken) }
}

/** The API's list has no place for a piece of a character, whose bytes are not known: it is empty then. */
function encodeToken({ token, logprob, bytes }: WeighedToken): object {
  return { token, logprob, bytes: bytes ?? [] }
}

/** In events tokens have no bytes. */
function encodeStreamed({ token, logprob, top }: TokenLogprob): object {
  return { token, logprob, top_logprobs: top.map(({ token: other, logprob: its }) => ({ token: other, logprob: its })) }
}
