import type { AnswerPart, GenerateEnd, RelayChunk, RelayedBytes } from '../../spec/chat.ts'
import type { ResourceError } from '../../spec/errors.ts'
import type { AnswerReader } from './answer-reader.ts'
import type { OpenReply } from './engine-http.ts'
import { EventText } from './event-stream.ts'
import { asRecord, parsedJson } from '../../spec/json-narrowing.ts'
import { type ToldError, toldError } from './upstream-error.ts'
import { WholeEvents } from './whole-events.ts'

/** How long and how far a stream is read after its last word, so that its connection can be used again. */
const MOST_AFTER_END_BYTES = 65_536

export interface RelayOptions {
  readonly reader: AnswerReader
  /** Throws where another model answers than was asked; called once it has said its name. */
  readonly checkModel: (answering: string) => void
  readonly refusal: (told: ToldError) => ResourceError
}

/**
 * The bytes of a reply as they come, read on their way: an event goes out once it is understood, and what says that the answer is
 * whole goes out with the end. Throws what the reply says of itself instead of an answer, and `engine-lost` where it breaks off.
 */
export async function* relayAnswer(
  reply: OpenReply,
  body: AsyncIterable<Uint8Array>,
  options: RelayOptions,
): AsyncGenerator<RelayChunk> {
  const { reader } = options
  const events = new WholeEvents()
  const text = new EventText()
  const decoder = new TextDecoder()
  const held: Uint8Array[] = []
  const heldParts: AnswerPart[] = []
  const pieces = body[Symbol.asyncIterator]()
  let isLastWord = false
  while (!isLastWord) {
    const { value: piece, done } = await pieces.next()
    if (done) break
    reply.touch()
    if (!reply.isEventStream) {
      held.push(piece)
      continue
    }
    const bytes = events.take(piece)
    if (bytes.byteLength === 0) continue
    const parts: AnswerPart[] = []
    for (const { name, data } of text.take(decoder.decode(bytes, { stream: true }))) {
      if (data.trim() === '[DONE]') isLastWord = true
      else parts.push(...readEvent(name, data, reply, options))
    }
    if (reader.isComplete) {
      held.push(bytes)
      heldParts.push(...parts)
    } else yield { type: 'bytes', bytes, parts }
  }
  if (reply.isEventStream) held.push(events.rest)
  else heldParts.push(...readEvent('message', Buffer.concat(held).toString('utf8'), reply, options))
  const [end, ...rest] = reader.finish().toReversed()
  if (end?.type !== 'end') throw new Error('an answer ends with its end')
  const last: RelayedBytes = {
    type: 'bytes',
    bytes: held.length === 1 && held[0] ? held[0] : Buffer.concat(held),
    parts: [...heldParts, ...rest.toReversed().filter(isPart)],
  }
  if (isLastWord) void drain(pieces, reply)
  else reply.close()
  yield { ...end, last }
}

function readEvent(name: string, data: string, reply: OpenReply, options: RelayOptions): AnswerPart[] {
  const { reader, checkModel, refusal } = options
  const json = parsedJson(data)
  const record = asRecord(json)
  const told = toldError(reply.status, name === 'error' ? { error: record?.['error'] ?? json ?? data } : record)
  if (told) throw refusal(told)
  if (!record) return []
  const hadModel = reader.model !== undefined
  const parts = reader.read(record)
  if (!hadModel && reader.model !== undefined) checkModel(reader.model)
  return parts
}

function isPart(chunk: AnswerPart | GenerateEnd): chunk is AnswerPart {
  return chunk.type !== 'end'
}

/** The answer is whole: what may still come is its connection's business, and how that ends nobody's. */
async function drain(pieces: AsyncIterator<Uint8Array>, reply: OpenReply): Promise<void> {
  try {
    for (let bytes = 0; bytes < MOST_AFTER_END_BYTES;) {
      const { value, done } = await pieces.next()
      if (done) return
      bytes += value.byteLength
    }
  } catch {
    return
  } finally {
    reply.close()
  }
}
