import type { FastifyInstance } from 'fastify'
import { resourceError } from '../spec/errors.ts'

/** Deepest nesting of a body. A parser that recurses would run out of stack at some depth; no honest body is deeper. */
export const MAX_JSON_DEPTH = 64

/** Bodies are JSON in strict UTF-8, not too deep, and cannot set a prototype. Throws `invalid-request`. */
export function parseJsonBody(body: Buffer): unknown {
  if (body.length === 0) throw bad('The body is empty. Send a JSON object.')
  const text = decodeUtf8(body)
  if (nestingDepth(text) > MAX_JSON_DEPTH) throw bad(`The body is nested deeper than ${MAX_JSON_DEPTH} levels.`)
  try {
    return JSON.parse(text, (key, value: unknown) => (key === '__proto__' ? undefined : value))
  } catch (error) {
    throw bad(`The body is not valid JSON: ${error instanceof Error ? error.message : String(error)}.`)
  }
}

export function addJsonParser(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  // Clients that leave the type out, or name it wrongly, still mean JSON; what is not JSON says so by itself.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, ({ method }, body, done) => {
    try {
      // Some clients (OpenAI's for Python) name the type of a body that they do not send.
      if (method === 'DELETE' && body.length === 0) done(null, undefined)
      else done(null, parseJsonBody(body as Buffer))
    } catch (error) {
      done(error as Error)
    }
  })
}

function decodeUtf8(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw bad('The body is not valid UTF-8.')
  }
}

/** Depth of brackets outside strings; counts without parsing, so a hostile depth costs one pass. */
function nestingDepth(text: string): number {
  let depth = 0
  let deepest = 0
  let isInString = false
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (isInString) {
      if (code === BACKSLASH) index++
      else if (code === QUOTE) isInString = false
    } else if (code === QUOTE) isInString = true
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) deepest = Math.max(deepest, ++depth)
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--
  }
  return deepest
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

function bad(message: string): Error {
  return resourceError('invalid-request', message)
}
