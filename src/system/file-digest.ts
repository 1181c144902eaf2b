import { createHash } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { keepNewest } from '../spec/keep-newest.ts'
import { writeCacheFile } from './atomic-file.ts'
import { readJsonFile } from './json-file.ts'

const CHUNK_BYTES = 1 << 20

/** SHA-256 of a file's content, hex. Rejects with the file system's error, or the signal's reason. */
export async function fileSha256(path: string, signal?: AbortSignal): Promise<string> {
  return (await digestOf(path, 'sha256', signal)).toString('hex')
}

/** SHA-512 of a file's content as npm writes it: `sha512-` and base64. Rejects as {@link fileSha256}. */
export async function fileIntegrity(path: string, signal?: AbortSignal): Promise<string> {
  return `sha512-${(await digestOf(path, 'sha512', signal)).toString('base64')}`
}

/** Reads through one buffer: gigabytes in fresh ones would leave the heap as large as it ever was. */
async function digestOf(path: string, algorithm: string, signal: AbortSignal | undefined): Promise<Buffer> {
  const hash = createHash(algorithm)
  const file = await open(path)
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
    for (;;) {
      signal?.throwIfAborted()
      const { bytesRead } = await file.read(buffer, 0, buffer.length)
      if (bytesRead === 0) return hash.digest()
      hash.update(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}

/** Digests remembered; the oldest is forgotten. */
const MAX_REMEMBERED_DIGESTS = 10_000

/**
 * Remembers digests by the file's identity (device, inode, size, time of change), so that a large file is read once and
 * again only when it changed. Kept in a JSON file; a lost or damaged one costs time only.
 */
export class DigestCache {
  readonly #path: string
  #digests: Promise<Map<string, string>> | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  async sha256(path: string): Promise<string> {
    this.#digests ??= this.#read()
    const digests = await this.#digests
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true })
    const identity = [dev, ino, size, mtimeNs].join(':')
    const known = digests.get(identity)
    if (known !== undefined) return known
    const digest = await fileSha256(path)
    digests.set(identity, digest)
    keepNewest(digests, MAX_REMEMBERED_DIGESTS)
    await this.#write(digests)
    return digest
  }

  /** One after the other: of two at once the one with less could be the last in place. */
  #write(digests: ReadonlyMap<string, string>): Promise<void> {
    const write = (): Promise<void> => writeCacheFile(this.#path, JSON.stringify(Object.fromEntries(digests)))
    this.#writing = this.#writing.then(write, write)
    return this.#writing
  }

  async #read(): Promise<Map<string, string>> {
    const json = await readJsonFile(this.#path)
    if (typeof json !== 'object' || json === null) return new Map()
    const isDigest = (entry: [string, unknown]): entry is [string, string] => /^[0-9a-f]{64}$/.test(String(entry[1]))
    return new Map(Object.entries(json).filter(isDigest))
  }
}
