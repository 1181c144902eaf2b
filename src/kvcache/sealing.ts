import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { SecretKey } from './secret-key.ts'

/** AES-256-GCM (NIST SP 800-38D): a nonce of 96 bits, and a tag of 128 behind what is sealed. */
const CIPHER = 'aes-256-gcm'
export const NONCE_BYTES = 12
export const TAG_BYTES = 16
/** Place of an entry's tokens among its parts; its chunks are counted from 0. */
export const TOKENS_PART = 0xff_ff_ff_ff

/** @param first base64; @param part which one of the things that are sealed with the same first nonce. */
export function seal(plain: Uint8Array, first: string, part: number, key: SecretKey): Buffer {
  const cipher = createCipheriv(CIPHER, key.cipher, nonceOf(first, part))
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** Throws where anything of it was changed. */
export function unseal(sealed: Buffer, first: string, part: number, key: SecretKey): Buffer {
  const cipher = createDecipheriv(CIPHER, key.cipher, nonceOf(first, part), { authTagLength: TAG_BYTES })
  cipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  return Buffer.concat([cipher.update(sealed.subarray(0, -TAG_BYTES)), cipher.final()])
}

/** No two parts have the same: the first one's last four bytes count up, around at their end. */
function nonceOf(first: string, part: number): Buffer {
  const nonce = Buffer.from(first, 'base64')
  nonce.writeUInt32LE((nonce.readUInt32LE(NONCE_BYTES - 4) + part) >>> 0, NONCE_BYTES - 4)
  return nonce
}
