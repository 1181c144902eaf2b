import { resourceError } from '../../spec/errors.ts'

/** Longest single event that is waited for, bytes. */
const MAX_EVENT_BYTES = 4_194_304
const LF = 0x0a
const CR = 0x0d

/**
 * Cuts a stream of events between them, its bytes as they are: what goes out ends with an event, so that something else may
 * be said after it. Lines end in LF or CRLF; a stream with bare CRs is one piece.
 */
export class WholeEvents {
  #rest: Uint8Array = new Uint8Array(0)

  /** What began and is not complete. */
  get rest(): Uint8Array {
    return this.#rest
  }

  /** All events that this piece completes; empty = none. Throws `engine-error` for one longer than 4 MiB. */
  take(piece: Uint8Array): Uint8Array {
    const bytes = this.#rest.byteLength === 0 ? piece : Buffer.concat([this.#rest, piece])
    const end = endOfLastEvent(bytes)
    this.#rest = bytes.subarray(end)
    if (this.#rest.byteLength > MAX_EVENT_BYTES) {
      const message = `The engine sent a single event of more than ${MAX_EVENT_BYTES} bytes; it was not read on.`
      throw resourceError('engine-error', message)
    }
    return bytes.subarray(0, end)
  }
}

/** Where the last empty line ends; 0 = there is none. */
function endOfLastEvent(bytes: Uint8Array): number {
  for (let end = bytes.lastIndexOf(LF); end > 0; end = bytes.lastIndexOf(LF, end - 1)) {
    const before = bytes[end - 1] === CR ? end - 2 : end - 1
    if (bytes[before] === LF) return end + 1
  }
  return 0
}
