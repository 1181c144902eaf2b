import { createHash } from 'node:crypto'
import type { StateKey } from '../spec/state-cache.ts'

/** SHA-256 (hex) of a key, whatever the order in which its parts were put. */
export function keyDigest(key: StateKey): string {
  const parts = Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
