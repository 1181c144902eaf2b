import { resourceError } from '../spec/errors.ts'

/** Where a member lies in a zip file. */
export interface ZipMember {
  readonly name: string
  readonly isDeflated: boolean
  readonly compressedBytes: number
  readonly sizeBytes: number
  readonly headerOffsetBytes: number
}

/** Bytes at the end of a zip file that surely hold its end record: 22 and a comment of at most 65,535. */
export const END_RECORD_SEARCH_BYTES = 65_557
const END_SIGNATURE = 0x06054b50
const MEMBER_SIGNATURE = 0x02014b50
const LOCAL_SIGNATURE = 0x04034b50

/** Where the central directory lies, from the end of the file (PKWARE APPNOTE 4.3.16; no ZIP64, no several disks). */
export function findDirectory(tail: Buffer): { readonly offsetBytes: number; readonly lengthBytes: number } {
  for (let at = tail.length - 22; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END_SIGNATURE) continue
    return { lengthBytes: tail.readUInt32LE(at + 12), offsetBytes: tail.readUInt32LE(at + 16) }
  }
  throw resourceError('download-corrupt', 'The package is not a zip file.')
}

/** The members listed in a central directory (APPNOTE 4.3.12). */
export function readDirectory(directory: Buffer): ZipMember[] {
  const members: ZipMember[] = []
  for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === MEMBER_SIGNATURE;) {
    const nameLength = directory.readUInt16LE(at + 28)
    const skipped = directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32)
    members.push({
      name: directory.toString('utf8', at + 46, at + 46 + nameLength),
      isDeflated: directory.readUInt16LE(at + 10) === 8,
      compressedBytes: directory.readUInt32LE(at + 20),
      sizeBytes: directory.readUInt32LE(at + 24),
      headerOffsetBytes: directory.readUInt32LE(at + 42),
    })
    at += 46 + nameLength + skipped
  }
  return members
}

/** Length of a member's local header, after which its data begins (APPNOTE 4.3.7). `header` = its first 30 bytes. */
export function localHeaderBytes(header: Buffer): number {
  if (header.length < 30 || header.readUInt32LE(0) !== LOCAL_SIGNATURE) {
    throw resourceError('download-corrupt', 'The package is damaged: a member is not where its directory says.')
  }
  return 30 + header.readUInt16LE(26) + header.readUInt16LE(28)
}
