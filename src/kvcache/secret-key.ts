import {
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
  webcrypto,
} from 'node:crypto'
import { link, open, readFile, rm } from 'node:fs/promises'
import { codeOf } from '../spec/error-code.ts'
import { resourceError } from '../spec/errors.ts'

const KEY_BYTES = 32

/**
 * The secret of a state folder: entries that were not written with it are not ours. It keeps out corruption, files of others and other
 * users; nobody who can read it.
 */
export class SecretKey {
  readonly #mac: KeyObject
  /** For AES-256-GCM. */
  readonly cipher: webcrypto.CryptoKey

  private constructor(mac: KeyObject, cipher: webcrypto.CryptoKey) {
    this.#mac = mac
    this.cipher = cipher
  }

  /** Reads it, or makes it on first use, mode 0600. Throws `cache-operation-failed` where the file is something else. */
  static async at(path: string): Promise<SecretKey> {
    const secret = (await readIfThere(path)) ?? (await make(path))
    if (secret.length === KEY_BYTES) {
      // Made once: the start looks at the MACs of thousands of entries, and a key made for each takes four times as long.
      const mac = createSecretKey(derived(secret, 'trailer'))
      const uses = ['encrypt', 'decrypt'] as const
      return new SecretKey(
        mac,
        await webcrypto.subtle.importKey('raw', derived(secret, 'payload'), 'AES-GCM', false, [...uses]),
      )
    }
    throw resourceError(
      'cache-operation-failed',
      `${path} is not a key of the KV cache: it has ${secret.length} bytes. Remove it; states saved until now cannot be used then.`,
    )
  }

  mac(...parts: readonly Uint8Array[]): Buffer {
    const hmac = createHmac('sha256', this.#mac)
    for (const part of parts) hmac.update(part)
    return hmac.digest()
  }

  isMac(mac: Uint8Array, ...parts: readonly Uint8Array[]): boolean {
    const right = this.mac(...parts)
    return mac.length === right.length && timingSafeEqual(mac, right)
  }
}

function derived(secret: Buffer, use: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `grym kv cache: ${use}`, KEY_BYTES))
}

/** Of two processes that make one at the same time, the first counts. */
async function make(path: string): Promise<Buffer> {
  const beside = `${path}.${process.pid}.tmp`
  const file = await open(beside, 'wx', 0o600)
  try {
    await file.writeFile(randomBytes(KEY_BYTES))
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    await link(beside, path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    await rm(beside, { force: true })
  }
  return readFile(path)
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
