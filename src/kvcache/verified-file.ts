import { constants } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { firstWrongChunk } from './chunk-hashes.ts'
import type { CacheFolder } from './cache-folder.ts'
import type { Entry } from './entry.ts'
import { decodePayload } from './payload-codec.ts'
import type { SecretKey } from './secret-key.ts'
import { type PayloadForm, readTokens, readTrailer } from './trailer.ts'

/** A file that was found to be what it should be, held open. */
export interface VerifiedFile {
  /** Where an engine of the same user reads the payload while this is open. */
  readonly path: string
  readonly tokens: Uint32Array
  readonly plainBytes: number
  close(): Promise<void>
}

interface Found {
  readonly tokens: Uint32Array
  readonly payloadBytes: number
  readonly form: PayloadForm
}

const isReadByDescriptor = process.platform === 'linux'

/** Something is wrong with an entry's file; anything else that is thrown is the disk's fault, or the file is gone. */
export class CorruptEntry extends Error {}

/**
 * Opens an entry's file and makes sure of it: trailer and tokens each time, all of the payload once since we began and after every
 * change of the file's identity. Where the system lets us (Linux) the engine is given the very file that was verified, by
 * our open descriptor; elsewhere its path, and nobody but the owner of the folder can put another one there.
 * Throws {@link CorruptEntry}.
 */
export async function openVerified(entry: Entry, folder: CacheFolder, key: SecretKey): Promise<VerifiedFile> {
  const path = folder.pathOf(entry.id)
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const identity = await identityOf(file)
    const found = await verify(file, entry, key, identity)
    const { tokens, form } = found
    entry.verifiedIdentity = identity
    if (form.compression === undefined && form.nonce === undefined) {
      return { path: pathFor(file, path), tokens, plainBytes: form.plainBytes, close: () => file.close() }
    }
    const plain = await decoded(file, found, folder, key)
    return { ...plain, tokens, plainBytes: form.plainBytes }
  } catch (error) {
    await file.close()
    throw error
  }
}

/**
 * What an engine cannot read itself is undone into a file beside, which goes with the descriptor. Where the engine is given the
 * descriptor the file has no name: a process that is killed leaves nothing in clear.
 */
async function decoded(
  sealed: FileHandle,
  { payloadBytes, form }: Found,
  folder: CacheFolder,
  key: SecretKey,
): Promise<Pick<VerifiedFile, 'path' | 'close'>> {
  const temporary = await folder.makeTemporary()
  const plain = await open(temporary, 'r+')
  const close = async (): Promise<void> => {
    await plain.close()
    await rm(temporary, { force: true })
  }
  try {
    if (isReadByDescriptor) await rm(temporary)
    await decodePayload(sealed, payloadBytes, plain, form, key)
    await sealed.close()
  } catch (error) {
    await close()
    throw asCorrupt(error)
  }
  return { path: pathFor(plain, temporary), close }
}

/** Changes whenever the file's content can have changed. */
export async function identityOf(file: FileHandle): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true })
  return [dev, ino, size, mtimeNs, ctimeNs].join(':')
}

async function verify(file: FileHandle, entry: Entry, key: SecretKey, identity: string): Promise<Found> {
  try {
    const trailer = readTrailer(file.fd, key)
    const { header, payloadBytes } = trailer
    if (trailer.mac !== entry.mac) throw new Error('it is another entry')
    const tokens = await readTokens(file.fd, trailer, key)
    if (entry.verifiedIdentity !== identity) {
      const wrong = await firstWrongChunk(file, payloadBytes, header.chunkHashes)
      if (wrong !== -1) throw new Error(`chunk ${wrong + 1} of its payload was changed`)
    }
    return { tokens, payloadBytes, form: header.form }
  } catch (error) {
    throw asCorrupt(error)
  }
}

function pathFor(file: FileHandle, path: string): string {
  return isReadByDescriptor ? `/proc/${process.pid}/fd/${file.fd}` : path
}

function asCorrupt(error: unknown): Error {
  if (!(error instanceof Error)) return new CorruptEntry(String(error))
  return 'syscall' in error ? error : new CorruptEntry(error.message)
}
