import type { InferChunk, InferReceipt } from '../../spec/admin.ts'
import type { AnswerPart } from '../../spec/chat.ts'
import type { ResourceError } from '../../spec/errors.ts'

export type EndOfAnswer = Omit<Extract<InferChunk, { readonly type: 'end' }>, 'type'>

/**
 * Writes one answer in one dialect, whole or as the pieces of a stream. Made anew for each answer: what goes out next may
 * depend on what went out before. Pure text in, pure text out; a piece is complete with its frame (`data: …\n\n`, a line).
 */
export interface AnswerWriter {
  /** Of the body of a stream. */
  readonly contentType: string
  /** Sent when nothing came for `http.keepAliveAfterMs`, so that nobody on the way gives up; empty = nothing may be sent early. */
  readonly idle: string
  /** The body of an answer that is not streamed. */
  whole(parts: readonly AnswerPart[], end: EndOfAnswer): object
  begin(receipt: InferReceipt): string
  part(part: AnswerPart): string
  end(end: EndOfAnswer): string
  /** The same for an engine's own stream in this dialect. Absent = none is passed on. @param last what it ends with. */
  relayedEnd?(last: Uint8Array, end: EndOfAnswer): Uint8Array
  /** The last words of a stream that breaks after its first byte. */
  failure(error: ResourceError, id: string): string
}

/** All of one kind of text, in order. */
export function textOf(parts: readonly AnswerPart[], type: 'text' | 'reasoning'): string {
  return parts.map((part) => (part.type === type ? part.text : '')).join('')
}
