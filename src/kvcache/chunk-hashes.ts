import { webcrypto } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

/** Hashed, sealed and compressed at a time. What is done with one is done in threads beside: the event loop copies it, and no more. */
export const CHUNK_BYTES = 4_194_304
/** Chunks that are hashed at once: two cores are used, and the next one is read meanwhile. */
const HASHED_AT_ONCE = 2

/** SHA-256 (base64) of each {@link CHUNK_BYTES} of the first `sizeBytes` of a file. Throws where the file is shorter. */
export async function chunkHashes(file: FileHandle, sizeBytes: number): Promise<string[]> {
  const hashes: string[] = []
  for await (const hash of hashesOf(file, sizeBytes)) hashes.push(hash)
  return hashes
}

/** The same compared with what they should be: number of the first chunk that differs, or −1. */
export async function firstWrongChunk(file: FileHandle, sizeBytes: number, hashes: readonly string[]): Promise<number> {
  if (hashes.length !== Math.ceil(sizeBytes / CHUNK_BYTES)) return 0
  let index = 0
  for await (const hash of hashesOf(file, sizeBytes)) {
    if (hash !== hashes[index]) return index
    index += 1
  }
  return -1
}

async function* hashesOf(file: FileHandle, sizeBytes: number): AsyncGenerator<string> {
  const begun: Promise<string>[] = []
  for await (const chunk of chunksOf(file, sizeBytes)) {
    begun.push(sha256Aside(chunk))
    if (begun.length >= HASHED_AT_ONCE) yield* begun.splice(0, 1)
  }
  yield* begun
}

/** The bytes are copied before this returns (Web Cryptography API: "a copy of the bytes held by data"). */
async function sha256Aside(bytes: Buffer): Promise<string> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('base64')
}

/** Each chunk is valid until the next one is taken. */
export async function* chunksOf(file: FileHandle, sizeBytes: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(1, sizeBytes)))
  for (let at = 0; at < sizeBytes; at += CHUNK_BYTES) {
    const wantedBytes = Math.min(CHUNK_BYTES, sizeBytes - at)
    yield await readExactly(file, buffer.subarray(0, wantedBytes), at)
  }
}

/** Fills the buffer. Throws where the file ends before. */
export async function readExactly(file: FileHandle, buffer: Buffer, position: number): Promise<Buffer> {
  let filledBytes = 0
  while (filledBytes < buffer.length) {
    const { bytesRead } = await file.read(buffer, filledBytes, buffer.length - filledBytes, position + filledBytes)
    if (bytesRead === 0) throw new Error('the file ends too early')
    filledBytes += bytesRead
  }
  return buffer
}

/** Writes all of the buffer: where the disk has room for some of it only, the next step says why. */
export async function writeExactly(file: FileHandle, buffer: Buffer, position: number): Promise<void> {
  let writtenBytes = 0
  while (writtenBytes < buffer.length) {
    const rest = buffer.length - writtenBytes
    writtenBytes += (await file.write(buffer, writtenBytes, rest, position + writtenBytes)).bytesWritten
  }
}
