import { randomBytes } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import type { StateCacheSettings } from '../spec/state-cache.ts'
import { CHUNK_BYTES, piecesOf, readExactly } from './chunk-hashes.ts'
import { NONCE_BYTES, seal, unseal } from './sealing.ts'
import type { SecretKey } from './secret-key.ts'
import type { PayloadForm } from './trailer.ts'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

const LENGTH_BYTES = 4
/** Pieces that are tried, over all of the payload: one in the middle may lie where values begin, and shrinks as nothing else does. */
const SAMPLES = 8
const SAMPLE_BYTES = 128 * 1024
/**
 * A restore has to undo it and the engine cannot read the file itself: only what becomes much smaller is worth it (measured: states
 * of f16 shrink to 0.92, at 320 MB/s and back at 260; that is not).
 */
const WORTH_RATIO = 0.8
/** Higher levels save no more (measured: 1 and 3 alike). */
const PARAMS = { [constants.ZSTD_c_compressionLevel]: 1 }
/** A chunk comes in one piece: in the usual 16 KB it would be put together from 256 on the event loop. */
const ONE_PIECE_BYTES = CHUNK_BYTES + 65_536

/** How a payload is to lie in its file; `undefined` = as the engine wrote it, so that the engine can read the file itself. */
export async function chooseForm(
  payload: FileHandle,
  plainBytes: number,
  { compression, isEncrypted }: Pick<StateCacheSettings, 'compression' | 'isEncrypted'>,
): Promise<PayloadForm | undefined> {
  const pays = compression === 'auto' && plainBytes > 0 && (await shrinks(payload, plainBytes))
  if (!pays && !isEncrypted) return undefined
  return {
    plainBytes,
    ...(pays && { compression: 'zstd' }),
    ...(isEncrypted && { nonce: randomBytes(NONCE_BYTES).toString('base64') }),
  }
}

async function shrinks(payload: FileHandle, plainBytes: number): Promise<boolean> {
  const strideBytes = Math.ceil(plainBytes / SAMPLES)
  let sampledBytes = 0
  let packedBytes = 0
  for (let at = 0; at < plainBytes; at += strideBytes) {
    const sample = await readExactly(payload, Buffer.alloc(Math.min(SAMPLE_BYTES, plainBytes - at)), at)
    sampledBytes += sample.length
    packedBytes += (await compress(sample, { params: PARAMS })).length
  }
  return packedBytes <= sampledBytes * WORTH_RATIO
}

/**
 * Writes a payload in its form: each {@link CHUNK_BYTES} of it by itself, its length in front.
 * @returns bytes written.
 */
export async function encodePayload(
  from: FileHandle,
  to: FileHandle,
  form: PayloadForm,
  key: SecretKey,
): Promise<number> {
  let writtenBytes = 0
  let index = 0
  for await (const chunk of piecesOf(from, form.plainBytes, CHUNK_BYTES)) {
    const packed = form.compression ? await compress(chunk, { params: PARAMS, chunkSize: ONE_PIECE_BYTES }) : chunk
    const sealed = form.nonce === undefined ? packed : await seal(packed, form.nonce, index, key)
    const length = Buffer.alloc(LENGTH_BYTES)
    length.writeUInt32LE(sealed.length)
    await to.writeFile(length)
    await to.writeFile(sealed)
    writtenBytes += LENGTH_BYTES + sealed.length
    index += 1
  }
  return writtenBytes
}

/** The other way round. Throws where something was changed, or is not in this form. */
export async function decodePayload(
  from: FileHandle,
  payloadBytes: number,
  to: FileHandle,
  form: PayloadForm,
  key: SecretKey,
): Promise<void> {
  let at = 0
  let plainBytes = 0
  for (let index = 0; at < payloadBytes; index++) {
    const lengthBytes = (await readExactly(from, Buffer.alloc(LENGTH_BYTES), at)).readUInt32LE()
    if (lengthBytes > 2 * CHUNK_BYTES) throw new Error('its payload is not in its form')
    const sealed = await readExactly(from, Buffer.alloc(lengthBytes), at + LENGTH_BYTES)
    const packed = form.nonce === undefined ? sealed : await unseal(sealed, form.nonce, index, key)
    const chunk = form.compression
      ? await decompress(packed, { maxOutputLength: CHUNK_BYTES, chunkSize: ONE_PIECE_BYTES })
      : packed
    await to.writeFile(chunk)
    plainBytes += chunk.length
    at += LENGTH_BYTES + lengthBytes
  }
  if (at !== payloadBytes || plainBytes !== form.plainBytes) throw new Error('its payload is not in its form')
}
