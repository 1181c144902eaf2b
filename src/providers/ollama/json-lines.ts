import { resourceError } from '../../spec/errors.ts'

/** Longest line that is read: Ollama's own clients read up to this. */
export const MAX_LINE_BYTES = 8_388_608

/**
 * The JSON values of a stream that has one a line; empty lines are none. Throws `engine-error` for a line that is no JSON
 * and for one that is too long. What comes without an end of line at the very end counts as a line.
 */
export async function* jsonLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number = MAX_LINE_BYTES,
): AsyncGenerator<unknown, void, undefined> {
  let held: Uint8Array[] = []
  let heldBytes = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      yield* parsed([...held, chunk.subarray(start, end)], maxLineBytes)
      held = []
      heldBytes = 0
      start = end + 1
    }
    if (start === chunk.length) continue
    held.push(chunk.subarray(start))
    heldBytes += chunk.length - start
    if (heldBytes > maxLineBytes) throw tooLong(maxLineBytes)
  }
  yield* parsed(held, maxLineBytes)
}

const LINE_FEED = 10

function* parsed(parts: readonly Uint8Array[], maxLineBytes: number): Generator {
  const line = Buffer.concat(parts)
  if (line.length > maxLineBytes) throw tooLong(maxLineBytes)
  const text = line.toString('utf8').trim()
  if (text !== '') yield parseReply(text)
}

/** A reply as JSON. Throws `engine-error` with its beginning where it is none. */
export function parseReply(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    const message = `Ollama answered with what is no JSON: ${JSON.stringify(text.slice(0, 200))}. Is it Ollama that listens there?`
    throw resourceError('engine-error', message, { cause: error })
  }
}

function tooLong(maxLineBytes: number): Error {
  return resourceError('engine-error', `Ollama sent a line of more than ${maxLineBytes} bytes; it is not read.`)
}
