import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, rename, rm, stat, truncate } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createInflateRaw } from 'node:zlib'
import { ResourceError, resourceError } from '../spec/errors.ts'
import { asDiskFull } from './atomic-file.ts'
import { fileSha256 } from './file-digest.ts'
import type { HttpSource } from './http-source.ts'

/** A range of bytes behind an address. */
export interface RemoteBytes {
  readonly url: string
  readonly secretHeaders?: Readonly<Record<string, string>>
  /** Where the wanted bytes begin there. Default 0. */
  readonly offsetBytes?: number
  readonly lengthBytes: number
  /** What the content is named by, so that a part of another file is never continued. */
  readonly identity: string
}

export interface PartProgress {
  readonly receivedBytes: number
  readonly totalBytes: number
}

/** Where what has come of a download is kept. */
export function partPathOf(
  target: string,
  { identity, lengthBytes }: Pick<RemoteBytes, 'identity' | 'lengthBytes'>,
): string {
  const name = createHash('sha256').update(`${identity}:${lengthBytes}`).digest('hex').slice(0, 16)
  return join(dirname(target), `.${basename(target)}.${name}.part`)
}

/**
 * Fetches bytes into `<target>.<identity>.part`, going on where an earlier attempt stopped, and returns its path.
 * A server that ignores `Range` sends everything again, which is taken from its beginning.
 */
export async function fetchPart(
  http: HttpSource,
  remote: RemoteBytes,
  target: string,
  onProgress: (progress: PartProgress) => void,
  signal: AbortSignal,
): Promise<string> {
  const part = partPathOf(target, remote)
  await mkdir(dirname(target), { recursive: true, mode: 0o700 })
  let haveBytes = await sizeOf(part)
  if (haveBytes > remote.lengthBytes) {
    await truncate(part, 0)
    haveBytes = 0
  }
  onProgress({ receivedBytes: haveBytes, totalBytes: remote.lengthBytes })
  if (haveBytes === remote.lengthBytes) return part
  const offsetBytes = remote.offsetBytes ?? 0
  const range = `bytes=${offsetBytes + haveBytes}-${offsetBytes + remote.lengthBytes - 1}`
  const { secretHeaders } = remote
  const response = await http.get({
    url: remote.url,
    headers: { range },
    signal,
    ...(secretHeaders && { secretHeaders }),
  })
  const isPartial = response.status === 206
  if (!isPartial && offsetBytes > 0) {
    await response.body?.cancel()
    throw resourceError('download-failed', `${new URL(remote.url).host} cannot send a part of a file.`)
  }
  if (!isPartial) haveBytes = 0
  if (!response.body) throw resourceError('download-failed', `${new URL(remote.url).host} sent an empty answer.`)
  let receivedBytes = haveBytes
  const file = await open(part, isPartial ? 'a' : 'w', 0o600)
  try {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      // More than was promised is not what was asked for, and would fill the disk.
      if (receivedBytes + chunk.length > remote.lengthBytes) {
        throw resourceError('download-corrupt', 'The source sent too much.')
      }
      await file.write(chunk)
      receivedBytes += chunk.length
      onProgress({ receivedBytes, totalBytes: remote.lengthBytes })
    }
  } catch (error) {
    if (signal.aborted || error instanceof ResourceError) throw error
    const full = asDiskFull(error, dirname(target))
    if (full !== error) throw full
    const why = error instanceof Error ? error.message : String(error)
    throw resourceError('download-failed', `The download broke off at ${receivedBytes} bytes: ${why}`, { cause: error })
  } finally {
    await file.close()
  }
  if (receivedBytes < remote.lengthBytes) {
    throw resourceError('download-failed', `The download broke off at ${receivedBytes} of ${remote.lengthBytes} bytes.`)
  }
  return part
}

export interface ExpectedFile {
  readonly sizeBytes: number
  readonly sha256?: string | undefined
}

/**
 * Turns a finished part into the file: inflates it when it is deflated, checks size and digest, and only then renames
 * it into place. What fails the check is deleted (`download-corrupt`).
 */
export async function placePart(
  part: string,
  target: string,
  expected: ExpectedFile,
  isDeflated: boolean,
): Promise<void> {
  const whole = isDeflated ? `${part}.inflated` : part
  try {
    if (isDeflated)
      await pipeline(createReadStream(part), createInflateRaw(), createWriteStream(whole, { mode: 0o600 }))
    const sha256 = await fileSha256(whole)
    const sizeBytes = await sizeOf(whole)
    if (sizeBytes !== expected.sizeBytes || (expected.sha256 && sha256 !== expected.sha256)) {
      throw resourceError('download-corrupt', `What was downloaded is not ${basename(target)}: its digest differs.`)
    }
    await rename(whole, target)
    if (isDeflated) await rm(part, { force: true })
  } catch (error) {
    const full = asDiskFull(error, dirname(target))
    await rm(whole, { force: true })
    if (full !== error) throw full
    await rm(part, { force: true })
    if (error instanceof Error && 'reason' in error) throw error
    throw resourceError('download-corrupt', `What was downloaded is damaged: ${String(error)}`, { cause: error })
  }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}
