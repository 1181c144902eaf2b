import { randomUUID } from 'node:crypto'
import type { ToolCall } from '../../spec/chat.ts'
import { resourceError } from '../../spec/errors.ts'
import { asCount, asRecord, asRecords, asText, type JsonRecord } from '../../spec/json-narrowing.ts'

/** Most calls in one answer, and the longest arguments of one, in characters. */
const MAX_CALLS = 128
const MAX_ARGUMENTS_CHARACTERS = 4_194_304

interface Draft {
  id: string
  name: string
  arguments: string
}

/** Puts calls of tools together from the pieces in which a stream brings them. */
export class ToolCallAssembly {
  readonly #drafts = new Map<number, Draft>()
  #lastIndex = -1
  #count = 0

  get hasCalls(): boolean {
    return this.#count > 0
  }

  /**
   * Takes the `tool_calls` of one delta.
   * @returns calls that are whole now: pieces of a later one have begun.
   */
  add(toolCalls: unknown): ToolCall[] {
    return asRecords(toolCalls).flatMap((piece) => {
      const index = asCount(piece['index']) ?? this.#indexOf(piece)
      const whole = index > this.#lastIndex ? this.finish() : []
      this.#lastIndex = Math.max(this.#lastIndex, index)
      this.#append(index, piece)
      return whole
    })
  }

  /** The answer is over: what is begun is whole. */
  finish(): ToolCall[] {
    const calls = [...this.#drafts.values()]
    this.#drafts.clear()
    return calls.map(({ id, name, arguments: written }) => ({
      // An id is how a result finds its call; one that was not given is made up.
      id: id || `call_${randomUUID()}`,
      name,
      arguments: written.trim() === '' ? '{}' : written,
    }))
  }

  /** Without an index a piece with an id or a name begins a call, and any other goes on with the last one. */
  #indexOf(piece: JsonRecord): number {
    const begins = asText(piece['id']) !== undefined || asText(asRecord(piece['function'])?.['name']) !== undefined
    return begins || this.#lastIndex === -1 ? this.#lastIndex + 1 : this.#lastIndex
  }

  #append(index: number, piece: JsonRecord): void {
    const called = asRecord(piece['function'])
    const draft = this.#drafts.get(index) ?? this.#begin(index)
    draft.id ||= asText(piece['id']) ?? ''
    draft.name ||= asText(called?.['name']) ?? ''
    draft.arguments += writtenArguments(called?.['arguments'])
    if (draft.arguments.length > MAX_ARGUMENTS_CHARACTERS) {
      const message = `The engine wrote a call with more than ${MAX_ARGUMENTS_CHARACTERS} characters of arguments; it was not read on.`
      throw resourceError('engine-error', message)
    }
  }

  #begin(index: number): Draft {
    if (++this.#count > MAX_CALLS) {
      throw resourceError('engine-error', `The engine called more than ${MAX_CALLS} tools in one answer.`)
    }
    const draft: Draft = { id: '', name: '', arguments: '' }
    this.#drafts.set(index, draft)
    return draft
  }
}

/** Text as OpenAI has it; some engines send the object itself. */
function writtenArguments(value: unknown): string {
  if (typeof value === 'string') return value
  return asRecord(value) ? JSON.stringify(value) : ''
}
