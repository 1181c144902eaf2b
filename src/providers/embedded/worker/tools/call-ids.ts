import { createHash, randomBytes } from 'node:crypto'

const SHORT_ID = /^[A-Za-z0-9]{9}$/
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** A new call's id: nine letters and digits, which every template takes. */
export function newCallId(): string {
  return spell(randomBytes(9))
}

/** An id in the form that some templates insist on; the same one for the same id, so that result and call still meet. */
export function shortCallId(id: string): string {
  return SHORT_ID.test(id) ? id : spell(createHash('sha256').update(id).digest().subarray(0, 9))
}

function spell(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join('')
}
