import { resourceError } from '../../spec/errors.ts'

/** Longest single event of a stream, in characters. */
const MAX_EVENT_CHARACTERS = 4_194_304

export interface StreamEvent {
  /** `message` where the stream does not name it. */
  readonly name: string
  readonly data: string
}

/**
 * The events of an SSE body (WHATWG HTML, 9.2.6): lines end in LF, CRLF or CR, several `data` lines are one text, comments
 * are passed over, and an event that the stream breaks off in is none.
 * @param onBytes called for every piece that arrives, comments among them: it shows that the sender lives.
 * Throws `engine-error` for an event longer than {@link MAX_EVENT_CHARACTERS}.
 */
export async function* streamEvents(body: AsyncIterable<Uint8Array>, onBytes: () => void): AsyncGenerator<StreamEvent> {
  const decoder = new TextDecoder()
  const text = new EventText()
  for await (const piece of body) {
    onBytes()
    yield* text.take(decoder.decode(piece, { stream: true }))
  }
}

/** The same of text that comes in pieces. */
export class EventText {
  readonly #event = new EventLines()
  #rest = ''

  /** The events that this piece completes. */
  take(piece: string): StreamEvent[] {
    const text = this.#rest + piece
    if (text.length + this.#event.length > MAX_EVENT_CHARACTERS) throw tooLong()
    // A CR at the very end may be half of a CRLF: it waits for what comes after.
    const end = Math.max(text.lastIndexOf('\n') + 1, text.lastIndexOf('\r', text.length - 2) + 1)
    this.#rest = text.slice(end)
    if (end === 0) return []
    const lines = text.slice(0, end).split(/\r\n|\n|\r/)
    lines.pop()
    return lines.map((line) => this.#event.take(line)).filter((event) => event !== undefined)
  }
}

/** The lines of the event that is being read. */
class EventLines {
  #name = ''
  #data: string[] = []
  length = 0

  /** The event that an empty line completes. */
  take(line: string): StreamEvent | undefined {
    if (line === '') return this.#complete()
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'event') this.#name = value
    if (field === 'data') {
      this.#data.push(value)
      this.length += value.length
    }
    return undefined
  }

  #complete(): StreamEvent | undefined {
    const event = this.#data.length > 0 ? { name: this.#name || 'message', data: this.#data.join('\n') } : undefined
    this.#name = ''
    this.#data = []
    this.length = 0
    return event
  }
}

function tooLong(): Error {
  const message = `The engine sent a single event of more than ${MAX_EVENT_CHARACTERS} characters; it was not read on.`
  return resourceError('engine-error', message)
}
