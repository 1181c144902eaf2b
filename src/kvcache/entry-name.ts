import { createHash } from 'node:crypto'
import type { ModelId } from '../spec/model.ts'

const EXTENSION = '.cache'
/** Digits of the id's hash, where replacing lost something of it. */
const HASH_DIGITS = 8

/**
 * Name of an entry's file: `deepseek-r1-14b-1234567890.cache`. It tells people whose it is; what it really holds, its trailer
 * says. No part of an id can lead out of the folder, and ids that differ in more than colons have names that differ.
 */
export function entryName(modelId: ModelId, epochMs: number): string {
  return `${safeId(modelId)}-${epochMs}${EXTENSION}`
}

/** Could a file of this name be an entry? */
export function isEntryName(name: string): boolean {
  return name.endsWith(EXTENSION)
}

function safeId(modelId: ModelId): string {
  const safe = modelId.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, MAX_ID_CHARACTERS)
  const isSame = safe === modelId.replaceAll(':', '-')
  return isSame ? safe : `${safe}-${createHash('sha256').update(modelId).digest('hex').slice(0, HASH_DIGITS)}`
}

/** File names hold 255 bytes. */
const MAX_ID_CHARACTERS = 200
