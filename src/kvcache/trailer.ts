import { createHash } from 'node:crypto'
import { fstatSync, readSync } from 'node:fs'
import type { StateOwner } from '../spec/restored-state.ts'
import type { CachePriority, StateKey } from '../spec/state-cache.ts'
import { seal, TAG_BYTES, TOKENS_PART, unseal } from './sealing.ts'
import type { SecretKey } from './secret-key.ts'
import { tokenBytes, tokensOf } from './token-blocks.ts'

/*
 * An entry's file:
 *
 *   ┌──────────────┬─────────────┬──────────────┬─────────────────────────────────────────────────────────┐
 *   │ payload      │ tokens      │ header       │ footer, 64 bytes                                        │
 *   │ as the       │ 32 bits     │ JSON, UTF-8  │ payload u64 │ tokens u32 │ header u32 │ form u32 │ 0 u32 │
 *   │ engine wrote │ each        │              │ MAC 32 bytes                               │ magic 8    │
 *   └──────────────┴─────────────┴──────────────┴─────────────────────────────────────────────────────────┘
 *
 * All numbers have their lowest byte first. The MAC (HMAC-SHA-256) is over tokens' hash, header and the footer before it; the header
 * holds the hashes of the payload's chunks. Engines read the payload from the file's beginning and ignore what follows. The
 * magic comes last, so a file that is cut anywhere has none. Where the payload is sealed (`form.nonce`) the tokens are, too.
 */

const MAGIC = Buffer.from('GRYMKV1\n', 'latin1')
const FORM = 1
const NUMBERS_BYTES = 24
const MAC_BYTES = 32
const FOOTER_BYTES = NUMBERS_BYTES + MAC_BYTES + MAGIC.length
/** Read at once from the end. */
const TAIL_BYTES = 16 * 1024
/** A payload of a terabyte has hashes of 16 MB; a header larger than this is none of ours. */
const MAX_HEADER_BYTES = 32 * 1024 ** 2

/** How the payload lies in the file. */
export interface PayloadForm {
  /** Of what the engine wrote. */
  readonly plainBytes: number
  readonly compression?: 'zstd'
  /** AES-256-GCM: the nonce of the first chunk, base64; each further one counts up. */
  readonly nonce?: string
}

export interface EntryHeader {
  readonly modelId: string
  readonly key: StateKey
  readonly keyDigest: string
  readonly owner: StateOwner
  readonly createdAtMs: number
  readonly canBeCut: boolean
  readonly priority: CachePriority
  readonly ttlMs: number | null
  /** See `token-blocks.ts`. */
  readonly blocks: string
  readonly tokensHash: string
  readonly chunkHashes: readonly string[]
  readonly form: PayloadForm
  /** Of a model that was moved to the cache: what is kept beside its state. */
  readonly metadata?: Readonly<Record<string, unknown>>
}

export interface Trailer {
  readonly header: EntryHeader
  readonly payloadBytes: number
  readonly tokens: number
  /** Of the tokens as they lie there. */
  readonly tokenPartBytes: number
  /** Base64; no other entry has it. */
  readonly mac: string
  /** Of the whole file. */
  readonly bytes: number
}

export interface TrailerBytes extends Pick<Trailer, 'mac'> {
  readonly bytes: Buffer
}

/** What comes behind the payload. */
export async function trailerBytes(
  header: Omit<EntryHeader, 'tokensHash'>,
  tokens: Uint32Array,
  payloadBytes: number,
  key: SecretKey,
): Promise<TrailerBytes> {
  const { nonce } = header.form
  const clearPart = tokenBytes(tokens)
  // They say as much as the text.
  const tokenPart = nonce === undefined ? clearPart : await seal(clearPart, nonce, TOKENS_PART, key)
  const full: EntryHeader = { ...header, tokensHash: sha256(tokenPart) }
  const headerPart = Buffer.from(JSON.stringify(full))
  const numbers = Buffer.alloc(NUMBERS_BYTES)
  numbers.writeBigUInt64LE(BigInt(payloadBytes), 0)
  numbers.writeUInt32LE(tokens.length, 8)
  numbers.writeUInt32LE(headerPart.length, 12)
  numbers.writeUInt32LE(FORM, 16)
  const mac = key.mac(headerPart, numbers)
  const bytes = Buffer.concat([tokenPart, headerPart, numbers, mac, MAGIC])
  return { bytes, mac: mac.toString('base64') }
}

/** Reads and checks what an entry says of itself; its payload and tokens are not looked at. Throws with what is wrong. */
export function readTrailer(fd: number, key: SecretKey): Trailer {
  const { size } = fstatSync(fd)
  if (size < FOOTER_BYTES) throw new Error('it is too short to be an entry')
  // The header of a usual entry comes along.
  const tail = readExactly(fd, Math.min(size, TAIL_BYTES), size)
  const footer = tail.subarray(-FOOTER_BYTES)
  if (!footer.subarray(-MAGIC.length).equals(MAGIC)) throw new Error('its end is missing')
  const numbers = footer.subarray(0, NUMBERS_BYTES)
  const payloadBytes = Number(numbers.readBigUInt64LE(0))
  const tokens = numbers.readUInt32LE(8)
  const headerBytes = numbers.readUInt32LE(12)
  if (numbers.readUInt32LE(16) !== FORM) throw new Error('it was written in another form')
  const tokenPartBytes = size - FOOTER_BYTES - headerBytes - payloadBytes
  if (headerBytes > MAX_HEADER_BYTES || tokenPartBytes < tokens * 4 || tokenPartBytes > tokens * 4 + TAG_BYTES) {
    throw new Error('its parts do not fit its size')
  }
  const headerPart =
    headerBytes + FOOTER_BYTES <= tail.length
      ? tail.subarray(-headerBytes - FOOTER_BYTES, -FOOTER_BYTES)
      : readExactly(fd, headerBytes, size - FOOTER_BYTES)
  const mac = footer.subarray(NUMBERS_BYTES, NUMBERS_BYTES + MAC_BYTES)
  if (!key.isMac(mac, headerPart, numbers)) throw new Error('it was changed, or written by another installation')
  const header = JSON.parse(headerPart.toString()) as EntryHeader
  return { header, payloadBytes, tokens, tokenPartBytes, mac: Buffer.from(mac).toString('base64'), bytes: size }
}

/** The tokens of an entry. Rejects where they were changed. */
export async function readTokens(fd: number, trailer: Trailer, key: SecretKey): Promise<Uint32Array> {
  const { header, payloadBytes, tokens, tokenPartBytes } = trailer
  const part = readExactly(fd, tokenPartBytes, payloadBytes + tokenPartBytes)
  if (sha256(part) !== header.tokensHash) throw new Error('its tokens were changed')
  const { nonce } = header.form
  const bytes = nonce === undefined ? part : await unseal(part, nonce, TOKENS_PART, key)
  if (bytes.length !== tokens * 4) throw new Error('its tokens are not as many as it says')
  return tokensOf(bytes)
}

function readExactly(fd: number, lengthBytes: number, endBytes: number): Buffer {
  const buffer = Buffer.alloc(lengthBytes)
  let filledBytes = 0
  while (filledBytes < lengthBytes) {
    const readBytes = readSync(fd, buffer, filledBytes, lengthBytes - filledBytes, endBytes - lengthBytes + filledBytes)
    if (readBytes === 0) throw new Error('it ends too early')
    filledBytes += readBytes
  }
  return buffer
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64')
}
