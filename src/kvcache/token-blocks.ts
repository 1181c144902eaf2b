import { hash } from 'node:crypto'
import { endianness } from 'node:os'
import { setImmediate } from 'node:timers/promises'

/** Tokens of one block: what two prompts have in common is found by so many. */
export const BLOCK_TOKENS = 64
/** Bytes kept of each hash: by chance two of 10,000 entries meet once in a billion years of searching, and tokens are compared afterwards. */
const HASH_BYTES = 8

const BLOCK_BYTES = BLOCK_TOKENS * 4
/** Characters of each hash as text. */
const HASH_CHARACTERS = 11

/** Hashed before others get their turn: 256 blocks, 16,384 tokens. */
const PIECE_CHARACTERS = 256 * HASH_CHARACTERS

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
export async function blockHashes(tokens: Uint32Array): Promise<string> {
  const bytes = tokenBytes(tokens)
  // A block, and in front of it the hash of all that comes before.
  const hashed = Buffer.alloc(HASH_BYTES + BLOCK_BYTES)
  let begin = HASH_BYTES
  let hashes = ''
  for (let at = 0; at + BLOCK_BYTES <= bytes.length; at += BLOCK_BYTES) {
    bytes.copy(hashed, HASH_BYTES, at, at + BLOCK_BYTES)
    const digest = hash('sha256', hashed.subarray(begin), 'buffer')
    digest.copy(hashed, 0, 0, HASH_BYTES)
    hashes += hashed.toString('base64url', 0, HASH_BYTES)
    begin = 0
    // Hashed by itself a block is too little to be worth a thread: all of a long text takes 10 ms (131,072 tokens).
    if (hashes.length % PIECE_CHARACTERS === 0) await setImmediate()
  }
  return hashes
}

/** The tokens as they lie in a file: 32 bits each, the lowest byte first. */
export function tokenBytes(tokens: Uint32Array): Buffer {
  return lowestFirst(Buffer.from(Uint32Array.from(tokens).buffer))
}

export function tokensOf(bytes: Buffer): Uint32Array {
  const own = Uint8Array.from(bytes)
  lowestFirst(Buffer.from(own.buffer))
  return new Uint32Array(own.buffer)
}

/** Between the order of this machine and that of files, which on most are the same; in place. */
function lowestFirst(bytes: Buffer): Buffer {
  return endianness() === 'LE' ? bytes : bytes.swap32()
}
