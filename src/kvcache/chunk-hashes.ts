import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

/** Hashed, sealed and compressed at a time. What seals and compresses does it beside: the event loop copies a chunk, and no more. */
export const CHUNK_BYTES = 4_194_304
/**
 * Hashed in one turn of the event loop: less than a ms. Threads (Web Cryptography) would copy each chunk into new memory, which takes
 * as long again as hashing it does, of cores that an engine wants to read with.
 */
const PIECE_BYTES = 1_048_576

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
  let hash = createHash('sha256')
  let hashedBytes = 0
  for await (const piece of piecesOf(file, sizeBytes, PIECE_BYTES)) {
    hash.update(piece)
    hashedBytes += piece.length
    if (hashedBytes % CHUNK_BYTES !== 0 && hashedBytes < sizeBytes) continue
    yield hash.digest('base64')
    hash = createHash('sha256')
  }
}

/** The first `sizeBytes` of a file. Each piece is valid until the next one is taken; that is read meanwhile. */
export async function* piecesOf(file: FileHandle, sizeBytes: number, pieceBytes: number): AsyncGenerator<Buffer> {
  const buffers = [0, 1].map(() => Buffer.allocUnsafe(Math.min(pieceBytes, sizeBytes)))
  const read = (at: number): Promise<Buffer> | undefined => {
    const buffer = buffers[(at / pieceBytes) % 2]?.subarray(0, Math.min(pieceBytes, sizeBytes - at))
    return buffer && at < sizeBytes ? readExactly(file, buffer, at) : undefined
  }
  let next = read(0)
  try {
    for (let at = pieceBytes; next; at += pieceBytes) {
      const piece = await next
      next = read(at)
      yield piece
    }
  } finally {
    // Who has seen enough leaves a read on its way, which is over before the file is closed.
    await next?.catch(() => undefined)
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
