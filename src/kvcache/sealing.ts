import { webcrypto } from 'node:crypto'
import type { SecretKey } from './secret-key.ts'

/** AES-256-GCM (NIST SP 800-38D): a nonce of 96 bits, and a tag of 128 behind what is sealed. */
const CIPHER = 'AES-GCM'
export const NONCE_BYTES = 12
export const TAG_BYTES = 16
/** Place of an entry's tokens among its parts; its chunks are counted from 0. */
export const TOKENS_PART = 0xff_ff_ff_ff

/** Computed in a thread beside. @param first base64; @param part which one of the things that are sealed with the same first nonce. */
export async function seal(plain: Buffer, first: string, part: number, key: SecretKey): Promise<Buffer> {
  return Buffer.from(await webcrypto.subtle.encrypt(algorithm(first, part), key.cipher, plain))
}

/** Rejects where anything of it was changed. */
export async function unseal(sealed: Buffer, first: string, part: number, key: SecretKey): Promise<Buffer> {
  try {
    return Buffer.from(await webcrypto.subtle.decrypt(algorithm(first, part), key.cipher, sealed))
  } catch (cause) {
    throw new Error('it was changed, or sealed with another key', { cause })
  }
}

function algorithm(first: string, part: number): webcrypto.AesGcmParams {
  return { name: CIPHER, iv: nonceOf(first, part), tagLength: TAG_BYTES * 8 }
}

/** No two parts have the same: the first one's last four bytes count up, around at their end. */
function nonceOf(first: string, part: number): Buffer {
  const nonce = Buffer.from(first, 'base64')
  nonce.writeUInt32LE((nonce.readUInt32LE(NONCE_BYTES - 4) + part) >>> 0, NONCE_BYTES - 4)
  return nonce
}
