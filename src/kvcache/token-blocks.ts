import { createHash } from 'node:crypto'

/** Tokens of one block: what two prompts have in common is found by so many. */
export const BLOCK_TOKENS = 64
/** Bytes kept of each hash: by chance two of 10,000 entries meet once in a billion years of searching, and tokens are compared afterwards. */
const HASH_BYTES = 8

/** Characters of each hash as text. */
const HASH_CHARACTERS = 11

/** So many blocks do two texts begin with alike. */
export function commonBlocks(a: string, b: string): number {
  const most = Math.min(a.length, b.length) / HASH_CHARACTERS
  let count = 0
  while (count < most && a.startsWith(hashAt(b, count), count * HASH_CHARACTERS)) count += 1
  return count
}

/** The hash of the first block, by which entries are found; empty where there is none. */
export function firstBlock(hashes: string): string {
  return hashAt(hashes, 0)
}

function hashAt(hashes: string, block: number): string {
  return hashes.slice(block * HASH_CHARACTERS, (block + 1) * HASH_CHARACTERS)
}

/**
 * Hashes of the beginnings of a text, block by block: two texts whose n-th hashes are equal have n blocks in common. What is left
 * behind the last whole block has none.
 */
export function blockHashes(tokens: Uint32Array): string {
  let hashes = ''
  let before = Buffer.alloc(0)
  for (let at = 0; at + BLOCK_TOKENS <= tokens.length; at += BLOCK_TOKENS) {
    const hash = createHash('sha256')
      .update(before)
      .update(tokenBytes(tokens.subarray(at, at + BLOCK_TOKENS)))
    before = hash.digest().subarray(0, HASH_BYTES)
    hashes += before.toString('base64url')
  }
  return hashes
}

/** The tokens as they lie in a file: 32 bits each, the lowest byte first. */
export function tokenBytes(tokens: Uint32Array): Buffer {
  const bytes = Buffer.alloc(tokens.length * 4)
  tokens.forEach((token, index) => bytes.writeUInt32LE(token, index * 4))
  return bytes
}

export function tokensOf(bytes: Buffer): Uint32Array {
  return Uint32Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readUInt32LE(index * 4))
}
