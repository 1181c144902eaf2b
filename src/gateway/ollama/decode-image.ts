import type { ChatImage } from '../../spec/chat.ts'
import { invalid } from '../check-body.ts'

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
/** The bytes that each kind of picture begins with, as Latin-1. */
const BEGINNINGS: readonly (readonly [mimeType: string, pattern: RegExp])[] = [
  ['image/png', /^\x89PNG\r\n/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8[79]a/],
  ['image/webp', /^RIFF[^]{4}WEBP/],
]
/** Base64 of the bytes that are looked at: enough for the longest of {@link BEGINNINGS}. */
const LOOKED_AT_CHARACTERS = 16

/** A picture as Ollama's clients send it: base64 that does not say of what; its first bytes do. Throws `invalid-request`. */
export function decodeImage(sent: string, param: string): ChatImage {
  const base64 = sent.replaceAll(/[\r\n]/g, '')
  if (!BASE64.test(base64)) throw invalid(`${param}: must be base64, with nothing in front of it.`, param)
  const beginning = Buffer.from(base64.slice(0, LOOKED_AT_CHARACTERS), 'base64').toString('latin1')
  const found = BEGINNINGS.find(([, pattern]) => pattern.test(beginning))
  if (!found) throw invalid(`${param}: is no picture that is known: PNG, JPEG, WebP and GIF are.`, param)
  return { mimeType: found[0], base64 }
}
